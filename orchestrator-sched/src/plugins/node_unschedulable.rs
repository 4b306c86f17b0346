//! NodeUnschedulable: a cordoned node takes only the pods that bear it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Taint;
use orchestrator_core::scheduler::{ClusterEvent, PodInfo};

use crate::framework::{BuiltIn, Cycle, Filter, FilterPlugin, Plugin, Points, Reads, Refusal};
use crate::matching::{effects, tolerates};

const REASON: &str = "node(s) were unschedulable";

/// The taint that a pod must bear to go to a cordoned node.
const TAINT: &str = "node.kubernetes.io/unschedulable";

/// Refuses cordoned nodes.
#[derive(Debug)]
pub struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self);
    }
}

/// Whether the pod may go to a cordoned node.
fn bears_cordon(pod: &PodInfo) -> bool {
    let taint =
        Taint { key: TAINT.into(), effect: effects::NO_SCHEDULE.into(), ..Taint::default() };
    let tolerations = pod.spec().and_then(|spec| spec.tolerations.as_deref());
    tolerates(tolerations.unwrap_or_default(), &taint)
}

impl FilterPlugin for NodeUnschedulable {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        if bears_cordon(cycle.pod) {
            return Filter::Skip;
        }
        Filter::each(|node| match node.is_unschedulable() {
            true => Err(Refusal::unresolvable(REASON)),
            false => Ok(()),
        })
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Object)
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        match event {
            ClusterEvent::NodeAdded { node } => !node.is_unschedulable(),
            ClusterEvent::NodeChanged { old, new } => {
                old.is_unschedulable() && !new.is_unschedulable()
            }
            ClusterEvent::Updated { .. } => bears_cordon(pod),
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
    fn a_cordoned_node_takes_only_pods_that_bear_it() {
        let nodes = [node("a", json!({"spec": {"unschedulable": true}})), node("b", json!({}))];
        let plain = pod("p", json!({}));
        let bearing = pod("p", json!({"tolerations": [{"key": TAINT, "operator": "Exists"}]}));
        assert_eq!(passing(&NodeUnschedulable, &plain, &nodes), ["b"]);
        assert_eq!(passing(&NodeUnschedulable, &bearing, &nodes), ["a", "b"]);
    }
}
