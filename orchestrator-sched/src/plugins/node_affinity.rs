//! NodeAffinity: pods go to the nodes that they, or the scheduler's configuration, ask for.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    NodeAffinity as WireNodeAffinity, PodSpec, PreferredSchedulingTerm,
};
use orchestrator_core::scheduler::{ClusterEvent, NodeInfo, PodInfo};

use crate::framework::{
    BuiltIn, Cycle, Filter, FilterPlugin, Plugin, Points, Reads, Refusal, Score, ScorePlugin,
    stretch,
};
use crate::matching::{NodeTerm, RequiredNodes};

const REASON: &str = "node(s) didn't match Pod's node affinity/selector";
const REASON_ADDED: &str = "node(s) didn't match scheduler-enforced node affinity";
const REASON_CONFLICT: &str = "pod affinity terms conflict";

/// Passes the nodes that a pod requires, and scores those that it prefers.
#[derive(Debug, Default)]
pub struct NodeAffinity {
    added: Option<WireNodeAffinity>,
}

impl NodeAffinity {
    /// Every pod has `added` beside its own affinity.
    pub fn with_added(added: WireNodeAffinity) -> Self {
        Self { added: Some(added) }
    }
}

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self.clone()).score(self);
    }
}

impl FilterPlugin for NodeAffinity {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let Some(spec) = cycle.pod.spec() else { return Filter::Skip };
        let required = RequiredNodes::of(spec);
        let added = RequiredNodes::of_affinity(self.added.as_ref());
        if required.is_everything() && added.is_everything() {
            return Filter::Skip;
        }
        let filter = move |node: &NodeInfo| {
            if !added.matches(node) {
                return Err(Refusal::unresolvable(REASON_ADDED));
            }
            match required.matches(node) {
                true => Ok(()),
                false => Err(Refusal::unresolvable(REASON)),
            }
        };
        match required.names() {
            Some(names) if names.is_empty() => {
                Filter::Reject(Refusal::unresolvable(REASON_CONFLICT))
            }
            Some(names) => Filter::Among(names, Box::new(filter)),
            None => Filter::each(filter),
        }
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Object)
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        let added = RequiredNodes::of_affinity(self.added.as_ref());
        let passes = |node: &NodeInfo| {
            added.matches(node) && pod.spec().is_none_or(|s| RequiredNodes::of(s).matches(node))
        };
        match event {
            ClusterEvent::NodeAdded { node } => passes(node),
            ClusterEvent::NodeChanged { old, new } => {
                old.labels() != new.labels() && !passes(old) && passes(new)
            }
            ClusterEvent::Updated { .. } => true,
            _ => false,
        }
    }
}

impl ScorePlugin for NodeAffinity {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _: &[&'a NodeInfo]) -> Score<'a> {
        let own = cycle.pod.spec().and_then(affinity).into_iter();
        let preferred: Vec<_> = own.chain(&self.added).flat_map(preferences).collect();
        if preferred.is_empty() {
            return Score::skip();
        }
        Score::each(move |node| {
            let matching = preferred.iter().filter(|p| NodeTerm::new(&p.preference).matches(node));
            matching.map(|preference| i64::from(preference.weight)).sum()
        })
        .normalized(|scores| stretch(scores, false))
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Object)
    }
}

fn affinity(spec: &PodSpec) -> Option<&WireNodeAffinity> {
    spec.affinity.as_ref()?.node_affinity.as_ref()
}

fn preferences(affinity: &WireNodeAffinity) -> impl Iterator<Item = &PreferredSchedulingTerm> {
    affinity.preferred_during_scheduling_ignored_during_execution.iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{node, passing, pod, scores};
    use serde_json::json;

    fn labelled(name: &str, disk: &str) -> NodeInfo {
        node(name, json!({"metadata": {"name": name, "labels": {"disk": disk}}}))
    }

    #[test]
    fn selectors_and_added_affinity_both_count() {
        let nodes = [labelled("a", "ssd"), labelled("b", "hdd"), labelled("c", "ssd")];
        let wants = pod("p", json!({"nodeSelector": {"disk": "ssd"}}));
        assert_eq!(passing(&NodeAffinity::default(), &wants, &nodes), ["a", "c"]);
        let required = json!({"nodeSelectorTerms": [{"matchFields": [
            {"key": "metadata.name", "operator": "NotIn", "values": ["a"]}]}]});
        let added = json!({"requiredDuringSchedulingIgnoredDuringExecution": required});
        let plugin = NodeAffinity::with_added(serde_json::from_value(added).unwrap());
        assert_eq!(passing(&plugin, &wants, &nodes), ["c"]);
    }

    #[test]
    fn preferences_are_added_up_and_stretched() {
        let prefer = |weight: i32, disk: &str| {
            let term = json!({"key": "disk", "operator": "In", "values": [disk]});
            json!({"weight": weight, "preference": {"matchExpressions": [term]}})
        };
        let preferred = json!([prefer(10, "ssd"), prefer(5, "hdd")]);
        let affinity = json!({"preferredDuringSchedulingIgnoredDuringExecution": preferred});
        let wants = pod("p", json!({"affinity": {"nodeAffinity": affinity}}));
        let nodes = [labelled("a", "ssd"), labelled("b", "hdd"), labelled("c", "tape")];
        assert_eq!(scores(&NodeAffinity::default(), &wants, &nodes), [100, 50, 0]);
    }
}
