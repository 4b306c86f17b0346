//! The pods of a DaemonSet: which node each is for, and how it is made.

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{
    Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, Toleration,
};
use orchestrator_client::KindExt;

use crate::workload::history::HASH_LABEL;
use crate::workload::placement::{fits, is_tolerated, taints};
use crate::workload::pods::{from_template, node};

/// The annotation with the number of the template, from before revisions.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
/// The label of pods with the same number.
const GENERATION_LABEL: &str = "pod-template-generation";

/// What every daemon tolerates: it stays, whatever happens to its node.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
/// What a daemon in the host's network tolerates besides.
const TOLERATED_ON_HOST: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// Whether a node shall have a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It shall have one.
    Run,
    /// It gets none, but one that is there may stay.
    Stay,
    /// It shall have none.
    Leave,
}

/// Whether `node` shall have a daemon of `set`.
pub(super) fn place(set: &DaemonSet, node: &Node) -> Place {
    let mut spec = pod_spec(set);
    tolerate(&mut spec);
    if !fits(&spec, node) {
        return Place::Leave;
    }
    let tolerations = spec.tolerations.unwrap_or_default();
    let repels = |effect: &str| {
        let mut all = taints(node).iter().filter(|taint| taint.effect == effect);
        all.any(|taint| !is_tolerated(taint, &tolerations))
    };
    match (repels("NoExecute"), repels("NoSchedule")) {
        (true, _) => Place::Leave,
        (false, true) => Place::Stay,
        (false, false) => Place::Run,
    }
}

fn pod_spec(set: &DaemonSet) -> PodSpec {
    set.spec.as_ref().and_then(|spec| spec.template.spec.clone()).unwrap_or_default()
}

fn tolerate(spec: &mut PodSpec) {
    let on_host = (spec.host_network == Some(true)).then_some(TOLERATED_ON_HOST);
    let tolerations = spec.tolerations.get_or_insert_default();
    for (key, effect) in TOLERATED.into_iter().chain(on_host) {
        let toleration = Toleration {
            key: Some(key.into()),
            operator: Some("Exists".into()),
            effect: Some(effect.into()),
            ..Toleration::default()
        };
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
    }
}

/// A daemon for `node` of the template whose hash is given.
pub(super) fn make(set: &DaemonSet, hash: &str, node: &str) -> Pod {
    let template = set.spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default();
    let mut pod = from_template(set, &template);
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(HASH_LABEL.into(), hash.into());
    let generation = set.metadata.generation.unwrap_or(1).to_string();
    let generation = set.annotation(TEMPLATE_GENERATION).map_or(generation, str::to_owned);
    labels.insert(GENERATION_LABEL.into(), generation);
    let spec = pod.spec.get_or_insert_default();
    tolerate(spec);
    pin(spec, node);
    pod
}

/// Lets only `node` take the pod; the scheduler still checks that there is room.
fn pin(spec: &mut PodSpec, node: &str) {
    let requirement = NodeSelectorRequirement {
        key: "metadata.name".into(),
        operator: "In".into(),
        values: Some(vec![node.into()]),
    };
    let term =
        NodeSelectorTerm { match_fields: Some(vec![requirement]), ..NodeSelectorTerm::default() };
    let affinity = spec.affinity.get_or_insert_default().node_affinity.get_or_insert_default();
    affinity.required_during_scheduling_ignored_during_execution =
        Some(NodeSelector { node_selector_terms: vec![term] });
}

/// The node that a pod is on or meant for; empty where it does not say.
pub(super) fn target(pod: &Pod) -> &str {
    let bound = node(pod);
    if !bound.is_empty() {
        return bound;
    }
    let pinned = || {
        let affinity = pod.spec.as_ref()?.affinity.as_ref()?.node_affinity.as_ref()?;
        let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
        let term = required.node_selector_terms.first()?;
        let field =
            term.match_fields.as_ref()?.iter().find(|field| field.key == "metadata.name")?;
        field.values.as_ref()?.first().map(String::as_str)
    };
    pinned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn set() -> DaemonSet {
        serde_json::from_value(json!({
            "metadata": {"namespace": "n", "name": "d", "uid": "u", "generation": 1},
            "spec": {"selector": {}, "template": {"metadata": {"labels": {"app": "x"}},
                "spec": {"nodeSelector": {"only": "x"}, "containers": [{"name": "c"}]}}},
        }))
        .unwrap()
    }

    #[test]
    fn selectors_and_taints_decide_about_a_node() {
        let node = |labels: Value, taints: Value| -> Node {
            let node =
                json!({"metadata": {"name": "n", "labels": labels}, "spec": {"taints": taints}});
            serde_json::from_value(node).unwrap()
        };
        let only = || json!({"only": "x"});
        let taint = |key: &str, effect: &str| json!([{"key": key, "effect": effect}]);
        let cases = [
            (json!({}), json!([]), Place::Leave),
            (only(), json!([]), Place::Run),
            (only(), taint("a", "NoSchedule"), Place::Stay),
            (only(), taint("a", "NoExecute"), Place::Leave),
            (only(), taint("node.kubernetes.io/unreachable", "NoExecute"), Place::Run),
            (only(), taint("node.kubernetes.io/unschedulable", "NoSchedule"), Place::Run),
        ];
        for (labels, taints, want) in cases {
            assert_eq!(place(&set(), &node(labels, taints.clone())), want, "{taints}");
        }
    }

    #[test]
    fn a_daemon_is_pinned_to_its_node_and_tolerates_what_may_happen() {
        let pod = make(&set(), "hash", "n1");
        assert_eq!(target(&pod), "n1");
        assert_eq!(pod.label(GENERATION_LABEL), Some("1"));
        assert_eq!(pod.label(HASH_LABEL), Some("hash"));
        assert_eq!(pod.spec.unwrap().tolerations.unwrap().len(), 6);
    }
}
