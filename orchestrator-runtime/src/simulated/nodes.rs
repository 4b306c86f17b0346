//! Many simulated nodes in one process, which share one cache of pods and one wheel of timers.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator_client::{Informers, Recorder};
use orchestrator_core::Item;
use orchestrator_core::controller::Change;
use orchestrator_core::node::NodeApi;
use parking_lot::RwLock;

use super::config::{SimulatedConfig, node_range};
use super::runtime::SimulatedRuntime;
use super::stages::Rule;
use super::wheel::Wheel;
use crate::agent::{Agent, NodeConfig, Parts};

/// How simulated nodes are made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SimulatedNodesConfig {
    /// The nodes.
    pub nodes: Vec<NodeConfig>,
    /// What containers do whose pods declare nothing.
    pub rules: Arc<[Rule]>,
}

impl SimulatedNodesConfig {
    /// Nodes named `<prefix>-0` and so on, all alike, without rules.
    pub fn new(prefix: &str, count: u32) -> Self {
        // Simulated pods have no volumes, so nothing is ever written to this place.
        let nodes = (0..count).map(|index| NodeConfig::new(format!("{prefix}-{index}"), ""));
        Self { nodes: nodes.collect(), rules: Arc::default() }
    }

    /// Changes each node.
    #[must_use]
    pub fn each(mut self, mut change: impl FnMut(usize, &mut NodeConfig)) -> Self {
        self.nodes.iter_mut().enumerate().for_each(|(index, node)| change(index, node));
        self
    }

    /// Lets rules say what containers do.
    #[must_use]
    pub fn rules(mut self, rules: impl Into<Arc<[Rule]>>) -> Self {
        self.rules = rules.into();
        self
    }
}

/// Many simulated nodes; dropping them stops them.
#[derive(Debug)]
pub struct SimulatedNodes {
    agents: Arc<RwLock<BTreeMap<String, Arc<Agent>>>>,
}

impl SimulatedNodes {
    /// Starts the nodes.
    pub fn start(config: SimulatedNodesConfig, informers: &Informers) -> Self {
        let env = informers.client().env().clone();
        let wheel = Wheel::new(&env);
        let recorder = Recorder::new(informers.client(), "kubelet", "");
        let (pods, nodes) = (informers.of::<Pod>(), informers.of::<Node>());
        let mut agents = BTreeMap::new();
        for (index, node) in (0..).zip(config.nodes) {
            let simulated = SimulatedConfig::new(node_range(index)).rules(config.rules.clone());
            let parts = Parts {
                informers: informers.clone(),
                runtime: Arc::new(SimulatedRuntime::new(simulated, env.clone(), wheel.clone())),
                pods: pods.clone(),
                nodes: nodes.clone(),
                recorder: recorder.clone(),
                housekeeping: None,
            };
            agents.insert(node.name.clone(), Arc::new(Agent::start_fed(node, parts)));
        }
        let agents = Arc::new(RwLock::new(agents));
        let weak = Arc::downgrade(&agents);
        pods.on_change(Arc::new(move |change| {
            if let Some(agents) = weak.upgrade() {
                deliver(&agents.read(), change);
            }
        }));
        Self { agents }
    }

    /// Waits until every node is registered.
    pub async fn ready(&self) {
        let agents: Vec<_> = self.agents.read().values().cloned().collect();
        for agent in agents {
            agent.ready().await;
        }
    }

    /// The nodes' names and what the API server asks of them, in order of name.
    pub fn apis(&self) -> Vec<(String, Arc<dyn NodeApi>)> {
        self.agents.read().iter().map(|(name, agent)| (name.clone(), agent.api())).collect()
    }

    /// Stops one node at once, as a crash would; whether there was one of that name.
    pub fn stop(&self, name: &str) -> bool {
        // The agent ends outside of the lock, which its own tasks may want.
        let stopped = self.agents.write().remove(name);
        stopped.is_some()
    }
}

/// Brings a change to the node of its pod, and to the node that the pod was on before.
fn deliver(agents: &BTreeMap<String, Arc<Agent>>, change: &Change) {
    let (old, new) = (node_of(change.old.as_ref()), node_of(change.new.as_ref()));
    for name in new.iter().chain(old.iter().filter(|old| new.as_ref() != Some(*old))) {
        if let Some(agent) = agents.get(name) {
            agent.pods().deliver(change);
        }
    }
}

fn node_of(item: Option<&Item>) -> Option<String> {
    let name = item?.tree().ok()?.text_at(&["spec", "nodeName"]);
    Some(name.to_owned()).filter(|name| !name.is_empty())
}
