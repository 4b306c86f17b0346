//! `orchestrator agent`: a node against any API server.

use orchestrator::client::Informers;
use orchestrator::cluster::{NodeSpec, ProcessNode, SimulatedNode};
use orchestrator::core::BoxError;
use orchestrator::core::resource::Network;
use orchestrator::runtime::agent::host_name;

use super::cluster::process_node;
use super::termination;
use crate::args::{Agent, RuntimeKind};

pub async fn run(agent: Agent) -> Result<(), BoxError> {
    let client = super::parts::client(&agent.remote.kubeconfig)?.with_agent("kubelet");
    let name = agent.node_name.unwrap_or_else(host_name);
    let mut end = std::pin::pin!(termination());
    match agent.runtime {
        RuntimeKind::Simulated => {
            let node = SimulatedNode::start(NodeSpec::simulated(&name), &Informers::new(client));
            tokio::select! {
                biased;
                () = &mut end => return Ok(()),
                () = node.ready() => println!("ready agent {name}"),
            }
            end.await;
        }
        RuntimeKind::Process => {
            let mut network = Network::default();
            network.pod_cidr = agent.pod_cidr.unwrap_or(network.pod_cidr);
            let spec = process_node(name.clone(), &agent.data_dir, agent.static_pods)?;
            let node = ProcessNode::start(spec, &client, &network)?;
            tokio::select! {
                biased;
                () = &mut end => {}
                () = node.ready() => {
                    println!("ready agent {name}");
                    end.await;
                }
            }
            node.shutdown().await;
        }
    }
    Ok(())
}
