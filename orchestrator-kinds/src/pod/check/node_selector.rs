//! Selectors of nodes.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::labels::check_label_name;
use crate::format::names::dns_subdomain;
use crate::report::Report;

/// Checks a selector of nodes: at least one term, each of labels and fields.
pub fn check_node_selector(selector: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let path = path.child("nodeSelectorTerms");
    let terms = selector.list("nodeSelectorTerms");
    if terms.is_empty() {
        errors.required(&path, "must have at least one node selector term");
    }
    for (i, term) in terms.iter().enumerate() {
        check_node_selector_term(term, &path.index(i), errors);
    }
}

/// Checks one term of a selector of nodes.
pub fn check_node_selector_term(term: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let labels = path.child("matchExpressions");
    for (i, requirement) in term.list("matchExpressions").iter().enumerate() {
        check_labels(requirement, &labels.index(i), errors);
    }
    let fields = path.child("matchFields");
    for (i, requirement) in term.list("matchFields").iter().enumerate() {
        check_fields(requirement, &fields.index(i), errors);
    }
}

fn check_labels(requirement: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let count = requirement.list("values").len();
    let values = path.child("values");
    match requirement.text("operator") {
        "In" | "NotIn" => {
            if count == 0 {
                const DETAIL: &str = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.required(&values, DETAIL);
            }
        }
        "Exists" | "DoesNotExist" => {
            if count > 0 {
                const DETAIL: &str =
                    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.forbidden(&values, DETAIL);
            }
        }
        "Gt" | "Lt" => {
            if count != 1 {
                const DETAIL: &str =
                    "must be specified single value when `operator` is 'Lt' or 'Gt'";
                errors.required(&values, DETAIL);
            }
        }
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    check_label_name(requirement.text("key"), &path.child("key"), errors);
}

fn check_fields(requirement: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    match requirement.text("operator") {
        "In" | "NotIn" => {
            if requirement.list("values").len() != 1 {
                const DETAIL: &str = "must be only one value when `operator` is 'In' or 'NotIn' for node field \
                     selector";
                errors.required(&path.child("values"), DETAIL);
            }
        }
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    match requirement.text("key") {
        "metadata.name" => {
            let values = path.child("values");
            for (i, name) in requirement.texts("values").enumerate() {
                errors.faults(&values.index(i), name, dns_subdomain(name));
            }
        }
        other => errors.invalid(&path.child("key"), other, "not a valid field selector key"),
    }
}
