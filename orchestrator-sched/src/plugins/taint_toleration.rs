//! TaintToleration: pods keep away from taints that they do not bear, strictly or if they can.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Toleration;
use orchestrator_core::scheduler::{ClusterEvent, NodeInfo, PodInfo};

use crate::framework::{
    BuiltIn, Cycle, Filter, FilterPlugin, Plugin, Points, Reads, Refusal, Score, ScorePlugin,
    stretch,
};
use crate::matching::{effects, first_untolerated, untolerated};

const REASON: &str = "node(s) had untolerated taint(s)";

/// Refuses nodes with hard taints, and prefers those with few soft ones.
#[derive(Debug)]
pub struct TaintToleration;

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self.clone()).score(self);
    }
}

fn tolerations(pod: &PodInfo) -> &[Toleration] {
    pod.spec().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default()
}

impl FilterPlugin for TaintToleration {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let tolerations = tolerations(cycle.pod);
        Filter::each(move |node| match first_untolerated(node.taints(), tolerations) {
            Some(_) => Err(Refusal::unresolvable(REASON)),
            None => Ok(()),
        })
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Object)
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        let passes = |node: &NodeInfo| first_untolerated(node.taints(), tolerations(pod)).is_none();
        match event {
            ClusterEvent::NodeAdded { node } => passes(node),
            ClusterEvent::NodeChanged { old, new } => !passes(old) && passes(new),
            ClusterEvent::Updated { old } => tolerations(old) != tolerations(pod),
            _ => false,
        }
    }
}

impl ScorePlugin for TaintToleration {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _: &[&'a NodeInfo]) -> Score<'a> {
        let tolerations = tolerations(cycle.pod);
        let soft = effects::PREFER_NO_SCHEDULE;
        Score::each(move |node| untolerated(node.taints(), soft, tolerations) as i64)
            .normalized(|scores| stretch(scores, true))
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{node, passing, pod, scores};
    use serde_json::{Value, json};

    fn tainted(name: &str, effects: &[&str]) -> NodeInfo {
        let taints: Vec<Value> =
            effects.iter().map(|effect| json!({"key": effect, "effect": effect})).collect();
        node(name, json!({"spec": {"taints": taints}}))
    }

    #[test]
    fn hard_taints_refuse_and_soft_ones_cost() {
        let nodes = [
            tainted("clean", &[]),
            tainted("soft", &["PreferNoSchedule"]),
            tainted("hard", &["NoSchedule"]),
            tainted("harder", &["NoExecute"]),
        ];
        let plain = pod("p", json!({}));
        assert_eq!(passing(&TaintToleration, &plain, &nodes), ["clean", "soft"]);
        assert_eq!(scores(&TaintToleration, &plain, &nodes[..2]), [100, 0]);
        let bearing = pod("p", json!({"tolerations": [{"operator": "Exists"}]}));
        assert_eq!(passing(&TaintToleration, &bearing, &nodes).len(), 4);
        assert_eq!(scores(&TaintToleration, &bearing, &nodes[..2]), [100, 100]);
    }
}
