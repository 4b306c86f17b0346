//! Which nodes are worth a look at all: those that the bound local volumes name.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    NodeSelectorRequirement, NodeSelectorTerm, PersistentVolume, PersistentVolumeClaim,
};
use orchestrator_core::scheduler::Storage;

/// The label by which a local volume names its node.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The nodes that all bound volumes which name nodes name; `None` where none does.
pub(super) fn eligible(
    bound: &[&PersistentVolumeClaim],
    storage: &Storage,
) -> Option<BTreeSet<String>> {
    let mut eligible: Option<BTreeSet<String>> = None;
    for claim in bound {
        let named = names(storage.volume_of(claim)?);
        if named.is_empty() {
            continue;
        }
        eligible = Some(match eligible {
            None => named,
            Some(eligible) => eligible.intersection(&named).cloned().collect(),
        });
    }
    eligible
}

/// The nodes that a volume names by their host name.
fn names(volume: &PersistentVolume) -> BTreeSet<String> {
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| affinity.required.as_ref());
    let terms = required.into_iter().flat_map(|required| &required.node_selector_terms);
    terms.filter_map(of_term).flatten().collect()
}

fn of_term(term: &NodeSelectorTerm) -> Option<BTreeSet<String>> {
    let by_name = |r: &&NodeSelectorRequirement| r.key == HOSTNAME && r.operator == "In";
    let lists = term.match_expressions.iter().flatten().filter(by_name);
    let sets = lists.map(|r| r.values.iter().flatten().cloned().collect::<BTreeSet<_>>());
    sets.reduce(|a, b| a.intersection(&b).cloned().collect())
}
