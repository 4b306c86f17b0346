//! NodePorts: two pods that take the same port of the host go to different hosts.

use std::sync::Arc;

use orchestrator_core::scheduler::{ClusterEvent, PodInfo};

use crate::framework::{Cycle, Filter, FilterPlugin, Plugin, Points, Reads, Refusal};

const REASON: &str = "node(s) didn't have free ports for the requested pod ports";

/// Refuses nodes on which a host port of the pod is taken.
#[derive(Debug)]
pub struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self);
    }
}

impl FilterPlugin for NodePorts {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let ports = &cycle.pod.ports;
        if ports.is_empty() {
            return Filter::Skip;
        }
        Filter::each(move |node| match node.has_port_conflict(ports) {
            true => Err(Refusal::resolvable(REASON)),
            false => Ok(()),
        })
    }

    fn reads(&self, pod: &PodInfo) -> Reads<'_> {
        match pod.ports.is_empty() {
            true => Reads::nothing(),
            false => Reads::node_and_pods(),
        }
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        match event {
            ClusterEvent::PodRemoved { pod: gone } => {
                pod.ports.iter().any(|port| gone.ports.iter().any(|other| other.conflicts(port)))
            }
            ClusterEvent::NodeAdded { .. } => true,
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
    fn a_node_where_the_port_is_taken_is_refused() {
        let taking = |port: i32| {
            let ports = json!([{"containerPort": 80, "hostPort": port}]);
            pod("p", json!({"containers": [{"name": "c", "ports": ports}]}))
        };
        let mut nodes = [node("a", json!({})), node("b", json!({}))];
        nodes[0].add(Arc::new(taking(8080)));
        assert_eq!(passing(&NodePorts, &taking(8080), &nodes), ["b"]);
        assert_eq!(passing(&NodePorts, &taking(8081), &nodes), ["a", "b"]);
    }
}
