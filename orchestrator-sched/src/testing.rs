//! Small objects for the tests of plugins.

use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodInfo, Snapshot};
use serde_json::{Value, json};

use crate::framework::{Cycle, Filter, FilterPlugin, ScorePlugin};

/// A pod with this spec; `containers` may be left out.
pub fn pod(name: &str, mut spec: Value) -> PodInfo {
    if spec.get("containers").is_none() {
        spec["containers"] = json!([]);
    }
    let pod = json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec});
    PodInfo::new(Arc::new(serde_json::from_value(pod).unwrap()))
}

/// A pod whose container makes these requests.
pub fn asking(requests: Value) -> PodInfo {
    let name = format!("asks {requests}");
    pod(&name, json!({"containers": [{"name": "c", "resources": {"requests": requests}}]}))
}

/// A node with these fields beside its name.
pub fn node(name: &str, mut fields: Value) -> NodeInfo {
    if fields.get("metadata").is_none() {
        fields["metadata"] = json!({"name": name});
    }
    NodeInfo::new(Arc::new(serde_json::from_value(fields).unwrap()))
}

/// The nodes with their pods.
pub fn snapshot(nodes: &[NodeInfo]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for node in nodes {
        snapshot.set_node(Arc::clone(&node.node));
        for pod in &node.pods {
            snapshot.assume(Arc::clone(pod), &node.name);
        }
    }
    snapshot
}

/// The names of the nodes that a filter passes.
pub fn passing(plugin: &dyn FilterPlugin, pod: &PodInfo, nodes: &[NodeInfo]) -> Vec<String> {
    let snapshot = snapshot(nodes);
    let names = |keep: &dyn Fn(&NodeInfo) -> bool| {
        let nodes = snapshot.nodes().iter().filter(|node| keep(node));
        nodes.map(|node| node.name.to_string()).collect()
    };
    match plugin.prepare(Cycle { pod, snapshot: &snapshot }) {
        Filter::Skip => names(&|_| true),
        Filter::Reject(_) => Vec::new(),
        Filter::Each(filter) => names(&|node| filter(node).is_ok()),
        Filter::Among(among, filter) => {
            names(&|node| among.contains(&*node.name) && filter(node).is_ok())
        }
    }
}

/// The normalised scores of the nodes; empty where the plugin skips the pod.
pub fn scores(plugin: &dyn ScorePlugin, pod: &PodInfo, nodes: &[NodeInfo]) -> Vec<i64> {
    let snapshot = snapshot(nodes);
    let feasible: Vec<&NodeInfo> = snapshot.nodes().iter().map(|node| &**node).collect();
    plugin.prepare(Cycle { pod, snapshot: &snapshot }, &feasible).of(&feasible).unwrap_or_default()
}
