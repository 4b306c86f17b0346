//! `orchestrator agent`: a node against any API server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

use http::Uri;
use orchestrator::client::{Informers, RemoteConfig};
use orchestrator::cluster::{ContainerNode, NodeSpec, ProcessNode, SimulatedNode};
use orchestrator::core::BoxError;
use orchestrator::core::resource::Network;
use orchestrator::runtime::agent::host_name;
use orchestrator::runtime::kubelet::KubeletConfig;

use super::cluster::{container_node, process_node};
use super::termination;
use crate::UsageError;
use crate::args::{Agent, Face, RuntimeKind};

pub async fn run(agent: Agent) -> Result<(), BoxError> {
    let client = super::parts::client(&agent.remote.kubeconfig)?.with_agent("kubelet");
    let name = agent.node_name.unwrap_or_else(host_name);
    let face = face(&agent.face, &agent.remote.kubeconfig).await?;
    let mut end = std::pin::pin!(termination());
    match agent.runtime {
        RuntimeKind::Simulated => {
            let spec = serving(NodeSpec::simulated(&name), face);
            let node = SimulatedNode::start(spec, &Informers::new(client))?;
            tokio::select! {
                biased;
                () = &mut end => return Ok(()),
                () = node.ready() => println!("ready agent {name}"),
            }
            end.await;
        }
        RuntimeKind::Containerd => {
            let network = super::cluster::network(agent.runtime);
            let mut spec = container_node(name.clone(), &agent.data_dir, &agent.containers)?;
            spec.static_pods = agent.static_pods;
            spec.keep_pods = true;
            spec.pod_range = agent.pod_cidr;
            if let Some(face) = face {
                spec = spec.kubelet(face);
            }
            let node = ContainerNode::start(spec, &client, &network).await?;
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
        RuntimeKind::Process => {
            let mut network = Network::default();
            network.pod_cidr = agent.pod_cidr.unwrap_or(network.pod_cidr);
            let spec = process_node(name.clone(), &agent.data_dir, agent.static_pods)?;
            let node = ProcessNode::start(serving(spec, face), &client, &network)?;
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

fn serving(spec: NodeSpec, face: Option<KubeletConfig>) -> NodeSpec {
    match face {
        Some(face) => spec.kubelet(face),
        None => spec,
    }
}

/// Where the node serves logs, exec and port-forward; nowhere if the kubeconfig names no authority
/// by which an API server could be known.
async fn face(face: &Face, kubeconfig: &Path) -> Result<Option<KubeletConfig>, BoxError> {
    let remote = RemoteConfig::from_kubeconfig(kubeconfig).map_err(|e| UsageError(e.into()))?;
    let Some(authority) = remote.ca_pem else {
        tracing::warn!(
            "the kubeconfig names no authority, so this node serves no logs and no exec"
        );
        return Ok(None);
    };
    let ip = match face.node_ip {
        Some(ip) => ip,
        None => own_address(&remote.server).await?,
    };
    let config = KubeletConfig::new(SocketAddr::new(ip, face.port), authority);
    let read = |path: &Path| {
        let cannot = |why| UsageError(format!("cannot read {}: {why}", path.display()).into());
        std::fs::read(path).map_err(cannot)
    };
    Ok(Some(match (&face.tls_cert_file, &face.tls_private_key_file) {
        (Some(certificate), Some(key)) => config.identity(read(certificate)?, read(key)?),
        _ => config,
    }))
}

/// The address of this host from which `server` is reached, so that it is one the server reaches.
async fn own_address(server: &str) -> Result<IpAddr, BoxError> {
    let uri: Uri = server.parse()?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(443);
    let mut found = tokio::net::lookup_host((host, port)).await?;
    let server = found.next().ok_or_else(|| format!("{host} has no address"))?;
    let any: IpAddr = match server.is_ipv4() {
        true => Ipv4Addr::UNSPECIFIED.into(),
        false => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Connecting a UDP socket sends nothing; it only chooses the route.
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(server)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_of_this_host_is_reached_from_its_own_address() {
        let own = own_address("https://127.0.0.1:6443").await.unwrap();
        assert_eq!(own, IpAddr::from([127, 0, 0, 1]));
        assert!(own_address("https://").await.is_err());
    }
}
