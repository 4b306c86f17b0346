//! NodeName: a pod that names its node goes there.

use std::sync::Arc;

use orchestrator_core::scheduler::{ClusterEvent, PodInfo};

use crate::framework::{BuiltIn, Cycle, Filter, FilterPlugin, Plugin, Points, Reads, Refusal};

const REASON: &str = "node(s) didn't match the requested node name";

/// Passes the node that the pod names.
#[derive(Debug)]
pub struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self);
    }
}

impl FilterPlugin for NodeName {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let wanted = cycle.pod.node_name();
        if wanted.is_empty() {
            return Filter::Skip;
        }
        Filter::each(move |node| match *node.name == *wanted {
            true => Ok(()),
            false => Err(Refusal::unresolvable(REASON)),
        })
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Object)
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        match event {
            ClusterEvent::NodeAdded { node } => *node.name == *pod.node_name(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{node, passing, pod};
    use serde_json::json;

    #[test]
    fn only_the_named_node_passes() {
        let nodes = [node("a", json!({})), node("b", json!({}))];
        assert_eq!(passing(&NodeName, &pod("p", json!({"nodeName": "b"})), &nodes), ["b"]);
        assert_eq!(passing(&NodeName, &pod("p", json!({})), &nodes), ["a", "b"]);
    }
}
