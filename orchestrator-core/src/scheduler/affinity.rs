//! What a pod wants of the pods around it, read from the object once.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Affinity, PodAffinityTerm, WeightedPodAffinityTerm};

use super::pod::PodInfo;
use super::snapshot::Snapshot;
use crate::selector::LabelSelector;

/// The pods that a pod wants to be near to, or far from.
#[derive(Clone, Debug, Default)]
pub struct PodAffinity {
    /// It must be near pods that match all of these.
    pub required: Vec<AffinityTerm>,
    /// It likes to be near these, so much.
    pub preferred: Vec<(i64, AffinityTerm)>,
    /// It must not be near these.
    pub anti_required: Vec<AffinityTerm>,
    /// It likes to be far from these, so much.
    pub anti_preferred: Vec<(i64, AffinityTerm)>,
}

/// Some pods, and what "near" means.
#[derive(Clone, Debug)]
pub struct AffinityTerm {
    /// The label whose value nodes have in common that are near to each other.
    pub topology_key: String,
    namespaces: BTreeSet<String>,
    namespace_selector: LabelSelector,
    selector: LabelSelector,
}

impl AffinityTerm {
    /// Whether `pod` is one of the pods; `snapshot` knows the labels of its namespace.
    pub fn matches(&self, pod: &PodInfo, snapshot: &Snapshot) -> bool {
        static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();
        let namespace = pod.key.namespace.as_ref();
        let in_namespace = self.namespaces.contains(namespace) || {
            let labels = snapshot.namespace(namespace).unwrap_or(&NO_LABELS);
            self.namespace_selector.matches(labels)
        };
        in_namespace && self.selector.matches(pod.labels())
    }

    /// Whether `pod` may be one of the pods, for all that is known without its namespace's labels.
    pub fn may_match(&self, pod: &PodInfo) -> bool {
        let in_namespace = self.namespaces.contains(pod.key.namespace.as_ref())
            || self.namespace_selector != LabelSelector::nothing();
        in_namespace && self.selector.matches(pod.labels())
    }

    /// Reads a term of a pod in `namespace`, which is meant where the term names no other.
    fn new(term: &PodAffinityTerm, namespace: &str) -> Self {
        let mut namespaces: BTreeSet<String> = term.namespaces.iter().flatten().cloned().collect();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.insert(namespace.to_owned());
        }
        Self {
            topology_key: term.topology_key.clone(),
            namespaces,
            namespace_selector: selector(term.namespace_selector.as_ref()),
            selector: selector(term.label_selector.as_ref()),
        }
    }
}

/// The selector; one that is invalid selects nothing.
pub(super) fn selector(
    wire: Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector>,
) -> LabelSelector {
    LabelSelector::from_api(wire).unwrap_or_else(|_| LabelSelector::nothing())
}

impl PodAffinity {
    /// Reads the affinity of a pod in `namespace`; `None` where it has none about pods.
    pub(super) fn new(affinity: Option<&Affinity>, namespace: &str) -> Option<Box<Self>> {
        let affinity = affinity?;
        let (near, far) = (affinity.pod_affinity.as_ref(), affinity.pod_anti_affinity.as_ref());
        let terms = |list: Option<&Vec<PodAffinityTerm>>| {
            list.into_iter().flatten().map(|term| AffinityTerm::new(term, namespace)).collect()
        };
        let weighted = |list: Option<&Vec<WeightedPodAffinityTerm>>| {
            let term = |weighted: &WeightedPodAffinityTerm| {
                let term = AffinityTerm::new(&weighted.pod_affinity_term, namespace);
                (i64::from(weighted.weight), term)
            };
            list.into_iter().flatten().map(term).collect()
        };
        if near.is_none() && far.is_none() {
            return None;
        }
        Some(Box::new(Self {
            required: terms(
                near.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref()),
            ),
            preferred: weighted(
                near.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref()),
            ),
            anti_required: terms(
                far.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref()),
            ),
            anti_preferred: weighted(
                far.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref()),
            ),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use serde_json::{Value, json};

    fn term(mut fields: Value) -> AffinityTerm {
        fields["topologyKey"] = json!("zone");
        fields["labelSelector"] = json!({"matchLabels": {"app": "web"}});
        AffinityTerm::new(&serde_json::from_value(fields).unwrap(), "here")
    }

    #[test]
    fn a_term_is_about_its_own_namespace_unless_it_says_otherwise() {
        let mut snapshot = Snapshot::default();
        snapshot.set_namespace("there", Some([("team".into(), "a".into())].into()));
        let in_namespace = |namespace: &str| {
            let meta = json!({"name": "p", "namespace": namespace, "labels": {"app": "web"}});
            let pod = json!({"metadata": meta});
            PodInfo::new(Arc::new(serde_json::from_value(pod).unwrap()))
        };
        for (fields, here, there) in [
            (json!({}), true, false),
            (json!({"namespaces": ["there"]}), false, true),
            (json!({"namespaceSelector": {}}), true, true),
            (json!({"namespaceSelector": {"matchLabels": {"team": "a"}}}), false, true),
            (json!({"namespaces": ["here"], "namespaceSelector": {}}), true, true),
        ] {
            let term = term(fields.clone());
            let matches = |namespace| term.matches(&in_namespace(namespace), &snapshot);
            assert_eq!((matches("here"), matches("there")), (here, there), "{fields}");
        }
    }
}
