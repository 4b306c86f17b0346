//! Clusters and pods to measure with.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator_core::scheduler::{PodInfo, Snapshot};
use orchestrator_sched::Framework;
use orchestrator_sched::dense::{Choice, Core, Ticket};
use orchestrator_sched::plugins;
use serde_json::{Value, json};

/// How many zones the nodes are in.
const ZONES: usize = 10;

/// A cluster and the core that follows it.
pub struct Cluster {
    pub snapshot: Snapshot,
    core: Core,
    random: fastrand::Rng,
}

impl Cluster {
    /// So many empty nodes of 4 CPUs and 32 GiB, under the default plugins.
    pub fn new(nodes: usize) -> Self {
        Self::with(plugins::defaults("default-scheduler").build().expect("plugins"), nodes)
    }

    /// So many empty nodes under some plugins.
    pub fn with(framework: Framework, nodes: usize) -> Self {
        let mut core = Core::new([Arc::new(framework)]);
        let mut snapshot = Snapshot::default();
        for index in 0..nodes {
            let node = node(index);
            let name = node.metadata.name.clone().expect("a name");
            snapshot.set_node(Arc::new(node));
            core.set_node(&name, &snapshot);
        }
        Self { snapshot, core, random: fastrand::Rng::with_seed(7) }
    }

    /// Decides about a pod.
    pub fn choose(&mut self, pod: &Arc<PodInfo>) -> Choice {
        let random = std::cell::RefCell::new(&mut self.random);
        self.core.choose(0, pod, &self.snapshot, |among| random.borrow_mut().usize(..among))
    }

    /// A pod arrives.
    pub fn admit(&mut self, pod: &Arc<PodInfo>) -> Ticket {
        self.core.admit(0, pod, &self.snapshot)
    }

    /// Places a pod; the core alone is told, as the snapshot is no part of a decision here.
    pub fn place(&mut self, ticket: &mut Ticket, pod: &Arc<PodInfo>) {
        let Self { random, core, snapshot } = self;
        let random = std::cell::RefCell::new(random);
        let pick = |among| random.borrow_mut().usize(..among);
        match core.place(0, ticket, pod, snapshot, pick) {
            Choice::Node { .. } => {}
            other => panic!("there is room: {other:?}"),
        }
    }

    /// Puts a pod on a node.
    pub fn put(&mut self, pod: &Arc<PodInfo>, node: &str) {
        self.core.add_pod(pod, node);
        self.snapshot.assume(Arc::clone(pod), node);
    }

    /// Takes a pod off a node.
    pub fn remove(&mut self, pod: &PodInfo, node: &str) {
        self.core.remove_pod(pod, node);
        self.snapshot.forget(&pod.id, node);
    }
}

fn node(index: usize) -> Node {
    let name = format!("node-{index:07}");
    let labels = json!({"kubernetes.io/hostname": name,
        "topology.kubernetes.io/zone": format!("zone-{}", index % ZONES)});
    let allocatable = json!({"cpu": "4", "memory": "32Gi", "pods": "1000"});
    let node = json!({"metadata": {"name": name, "labels": labels},
        "status": {"allocatable": allocatable}});
    serde_json::from_value(node).expect("a node")
}

/// A pod that asks for thousandths of CPUs and bytes, of a priority, with these fields in its spec.
pub fn pod(namespace: &str, requests: (i64, i64), priority: i32, mut spec: Value) -> Arc<PodInfo> {
    let requests = json!({"cpu": format!("{}m", requests.0), "memory": requests.1.to_string()});
    spec["containers"] = json!([{"name": "c", "image": "registry/app:1",
        "resources": {"requests": requests}}]);
    spec["priority"] = json!(priority);
    let meta = json!({"name": "p", "namespace": namespace, "labels": {"app": "web"}});
    let pod: Pod = serde_json::from_value(json!({"metadata": meta, "spec": spec})).expect("a pod");
    Arc::new(PodInfo::new(Arc::new(pod)))
}
