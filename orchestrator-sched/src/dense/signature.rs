//! Which pods are alike: those that differ in nothing that a plugin with a declaration may read.
//!
//! Names, volumes that do not matter and everything about running are left out, so the replicas
//! of a workload are alike. The hash is a weak one over what usually differs; equality decides.

use std::hash::{Hash, Hasher};

use k8s_openapi::api::core::v1::{Affinity, Container, NodeSelectorTerm, PodSpec};
use orchestrator_core::scheduler::{PodInfo, Resources};
use rustc_hash::FxHasher;

/// The hash of what plugins may read of a pod.
pub(super) fn hash(pod: &PodInfo, annotations: &[&str]) -> u64 {
    let mut hasher = FxHasher::default();
    pod.key.namespace.hash(&mut hasher);
    pod.labels().hash(&mut hasher);
    pod.priority.hash(&mut hasher);
    hash_amounts(&pod.requests, &mut hasher);
    hash_amounts(&pod.scoring_requests, &mut hasher);
    pod.ports.len().hash(&mut hasher);
    for annotation in annotations {
        annotated(pod, annotation).hash(&mut hasher);
    }
    if let Some(spec) = pod.spec() {
        hash_spec(spec, &mut hasher);
    }
    hasher.finish()
}

/// The hash of what plugins may read of a pod that read nothing but the nodes' objects.
pub(super) fn hash_for_nodes(pod: &PodInfo) -> u64 {
    let mut hasher = FxHasher::default();
    if let Some(spec) = pod.spec() {
        hash_spec(spec, &mut hasher);
    }
    hasher.finish()
}

fn hash_amounts(amounts: &Resources, hasher: &mut impl Hasher) {
    (amounts.cpu_milli, amounts.memory, amounts.ephemeral_storage).hash(hasher);
    amounts.extended.hash(hasher);
}

fn hash_spec(spec: &PodSpec, hasher: &mut impl Hasher) {
    spec.node_selector.hash(hasher);
    spec.node_name.hash(hasher);
    spec.tolerations.as_ref().map(Vec::len).hash(hasher);
    for constraint in spec.topology_spread_constraints.iter().flatten() {
        (&constraint.topology_key, constraint.max_skew).hash(hasher);
    }
    images(spec).for_each(|image| image.hash(hasher));
    if let Some(affinity) = &spec.affinity {
        hash_affinity(affinity, hasher);
    }
}

fn hash_affinity(affinity: &Affinity, hasher: &mut impl Hasher) {
    let nodes = affinity.node_affinity.as_ref();
    let required =
        nodes.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    for term in required.into_iter().flat_map(|required| &required.node_selector_terms) {
        hash_term(term, hasher);
    }
    let preferred =
        nodes.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref());
    for preference in preferred.into_iter().flatten() {
        hash_term(&preference.preference, hasher);
    }
    (affinity.pod_affinity.is_some(), affinity.pod_anti_affinity.is_some()).hash(hasher);
}

fn hash_term(term: &NodeSelectorTerm, hasher: &mut impl Hasher) {
    let fields = term.match_fields.iter().flatten();
    for requirement in fields.chain(term.match_expressions.iter().flatten()) {
        (&requirement.key, &requirement.values).hash(hasher);
    }
}

/// Whether plugins cannot tell the two pods apart.
pub(super) fn alike(a: &PodInfo, b: &PodInfo, annotations: &[&str]) -> bool {
    a.key.namespace == b.key.namespace
        && a.labels() == b.labels()
        && a.priority == b.priority
        && a.requests == b.requests
        && a.scoring_requests == b.scoring_requests
        && a.ports == b.ports
        && owner(a) == owner(b)
        && annotations.iter().all(|name| annotated(a, name) == annotated(b, name))
        && match (a.spec(), b.spec()) {
            (Some(a), Some(b)) => specs_alike(a, b),
            (a, b) => a.is_none() == b.is_none(),
        }
}

/// Whether two pods are alike for the plugins that read nothing but the nodes' objects.
pub(super) fn alike_for_nodes(a: &PodInfo, b: &PodInfo) -> bool {
    match (a.spec(), b.spec()) {
        (Some(a), Some(b)) => specs_alike(a, b),
        (a, b) => a.is_none() == b.is_none(),
    }
}

fn specs_alike(a: &PodSpec, b: &PodSpec) -> bool {
    a.node_selector == b.node_selector
        && a.node_name == b.node_name
        && a.tolerations == b.tolerations
        && a.affinity == b.affinity
        && a.topology_spread_constraints == b.topology_spread_constraints
        && a.resource_claims == b.resource_claims
        && a.preemption_policy == b.preemption_policy
        && (a.host_network, a.host_users) == (b.host_network, b.host_users)
        && images(a).eq(images(b))
        && rules(a).eq(rules(b))
}

fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.init_containers.iter().flatten().chain(&spec.containers)
}

fn images(spec: &PodSpec) -> impl Iterator<Item = Option<&str>> {
    containers(spec).map(|container| container.image.as_deref())
}

fn rules(
    spec: &PodSpec,
) -> impl Iterator<Item = &Option<Vec<k8s_openapi::api::core::v1::ContainerRestartRule>>> {
    containers(spec).map(|container| &container.restart_policy_rules)
}

/// Kind and name of the object that controls the pod.
fn owner(pod: &PodInfo) -> Option<(&str, &str)> {
    let owners = pod.pod.metadata.owner_references.iter().flatten();
    let owner = owners.into_iter().find(|owner| owner.controller == Some(true))?;
    Some((&owner.kind, &owner.name))
}

fn annotated<'a>(pod: &'a PodInfo, name: &str) -> Option<&'a str> {
    pod.pod.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;
    use serde_json::json;

    #[test]
    fn pods_are_alike_but_for_what_plugins_may_read() {
        let plain = pod("a", json!({}));
        let with = |spec| pod("b", spec);
        for (other, expected) in [
            (with(json!({})), true),
            (with(json!({"volumes": [{"name": "v", "emptyDir": {}}]})), true),
            (with(json!({"restartPolicy": "Never"})), true),
            (with(json!({"priority": 1})), false),
            (with(json!({"nodeSelector": {"a": "b"}})), false),
            (with(json!({"tolerations": [{"operator": "Exists"}]})), false),
            (with(json!({"overhead": {"cpu": "1"}})), false),
            (with(json!({"containers": [{"name": "c", "image": "i"}]})), false),
        ] {
            assert_eq!(alike(&plain, &other, &[]), expected, "{:?}", other.spec());
            assert!(!expected || hash(&plain, &[]) == hash(&other, &[]));
        }
    }

    #[test]
    fn annotations_count_where_a_plugin_reads_them() {
        let mut other = (*pod("a", json!({})).pod).clone();
        other.metadata.annotations = Some([("team".to_owned(), "red".to_owned())].into());
        let (plain, other) = (pod("a", json!({})), PodInfo::new(std::sync::Arc::new(other)));
        assert!(alike(&plain, &other, &[]) && !alike(&plain, &other, &["team"]));
    }
}
