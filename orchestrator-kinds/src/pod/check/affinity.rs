//! Which nodes, and which neighbours, a pod wants and does not want.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::node_selector::{check_node_selector, check_node_selector_term};
use crate::fields::Fields;
use crate::format::labels::{check_label_name, check_selector};
use crate::format::names::dns_label;
use crate::report::Report;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Checks the affinity of a pod.
pub(super) fn check(affinity: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if let Some(nodes) = affinity.get_set("nodeAffinity") {
        check_nodes(nodes, &path.child("nodeAffinity"), errors);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        if let Some(pods) = affinity.get_set(kind) {
            check_pods(pods, &path.child(kind), errors);
        }
    }
}

fn check_weight(term: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let weight = term.int("weight").unwrap_or_default();
    if !(1..=100).contains(&weight) {
        errors.invalid(&path.child("weight"), weight, "must be in the range 1-100");
    }
}

fn check_nodes(nodes: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if let Some(selector) = nodes.get_set(REQUIRED) {
        check_node_selector(selector, &path.child(REQUIRED), errors);
    }
    let preferred = path.child(PREFERRED);
    for (i, term) in nodes.list(PREFERRED).iter().enumerate() {
        let path = preferred.index(i);
        check_weight(term, &path, errors);
        check_node_selector_term(term.sub("preference"), &path.child("preference"), errors);
    }
}

fn check_pods(pods: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let required = path.child(REQUIRED);
    for (i, term) in pods.list(REQUIRED).iter().enumerate() {
        check_term(term, &required.index(i), errors);
    }
    let preferred = path.child(PREFERRED);
    for (i, term) in pods.list(PREFERRED).iter().enumerate() {
        let path = preferred.index(i);
        check_weight(term, &path, errors);
        check_term(term.sub("podAffinityTerm"), &path.child("podAffinityTerm"), errors);
    }
}

fn check_term(term: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_selector(term.sub("labelSelector"), &path.child("labelSelector"), errors);
    check_selector(term.sub("namespaceSelector"), &path.child("namespaceSelector"), errors);
    for namespace in term.texts("namespaces") {
        errors.faults(&path.child("namespace"), namespace, dns_label(namespace));
    }
    check_label_keys(term, path, errors);
    let topology = term.text("topologyKey");
    if topology.is_empty() {
        errors.required(&path.child("topologyKey"), "can not be empty");
    }
    check_label_name(topology, &path.child("topologyKey"), errors);
}

/// Checks labels of the pod itself that become part of its selector.
fn check_label_keys(term: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (with, without) = (term.list("matchLabelKeys"), term.list("mismatchLabelKeys"));
    if with.is_empty() && without.is_empty() {
        return;
    }
    if !term.has("labelSelector") {
        for field in ["matchLabelKeys", "mismatchLabelKeys"] {
            if !term.list(field).is_empty() {
                const DETAIL: &str = "must not be specified when labelSelector is not set";
                errors.forbidden(&path.child(field), DETAIL);
            }
        }
    }
    for field in ["matchLabelKeys", "mismatchLabelKeys"] {
        let at = path.child(field);
        for (i, key) in term.texts(field).enumerate() {
            check_label_name(key, &at.index(i), errors);
        }
    }
    for (i, key) in with.iter().enumerate().filter(|(_, key)| without.contains(key)) {
        const DETAIL: &str = "exists in both matchLabelKeys and mismatchLabelKeys";
        errors.invalid(&path.child("matchLabelKeys").index(i), key, DETAIL);
    }
}
