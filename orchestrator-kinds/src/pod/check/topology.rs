//! How pods spread over zones and nodes.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::check_option;
use crate::fields::Fields;
use crate::format::labels::{check_label_name, check_selector};
use crate::format::numbers::POSITIVE;
use crate::report::Report;

const ACTIONS: [&str; 2] = ["DoNotSchedule", "ScheduleAnyway"];
const INCLUSION: [&str; 2] = ["Honor", "Ignore"];

/// Checks the spread constraints of a pod.
pub(super) fn check(constraints: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, constraint) in constraints.iter().enumerate() {
        let path = path.index(i);
        let skew = constraint.int("maxSkew").unwrap_or_default();
        if skew <= 0 {
            errors.invalid(&path.child("maxSkew"), skew, POSITIVE);
        }
        let (topology, action) =
            (constraint.text("topologyKey"), constraint.text("whenUnsatisfiable"));
        match topology.is_empty() {
            true => errors.required(&path.child("topologyKey"), "can not be empty"),
            false => check_label_name(topology, &path.child("topologyKey"), errors),
        }
        if !ACTIONS.contains(&action) {
            errors.unsupported(&path.child("whenUnsatisfiable"), action, &ACTIONS);
        }
        check_repeat((topology, action), &constraints[i + 1..], &path, errors);
        check_domains(constraint, action, &path.child("minDomains"), errors);
        check_option(constraint, "nodeAffinityPolicy", &INCLUSION, &path, errors);
        check_option(constraint, "nodeTaintsPolicy", &INCLUSION, &path, errors);
        check_label_keys(constraint, &path.child("matchLabelKeys"), errors);
        check_selector(constraint.sub("labelSelector"), &path.child("labelSelector"), errors);
    }
}

fn check_repeat(pair: (&str, &str), later: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    let same = |other: &Json| (other.text("topologyKey"), other.text("whenUnsatisfiable")) == pair;
    if later.iter().any(same) {
        let shown = format!("{{{}, {}}}", pair.0, pair.1);
        errors.duplicate(&path.child("{topologyKey, whenUnsatisfiable}"), &*shown, "");
    }
}

fn check_domains(constraint: &Json, action: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let Some(count) = constraint.int("minDomains") else { return };
    if count <= 0 {
        errors.invalid(path, count, POSITIVE);
    }
    if action != "DoNotSchedule" {
        let detail =
            format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
        errors.invalid(path, count, detail);
    }
}

fn check_label_keys(constraint: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if constraint.list("matchLabelKeys").is_empty() {
        return;
    }
    if !constraint.has("labelSelector") {
        errors.forbidden(path, "must not be specified when labelSelector is not set");
    }
    for (i, key) in constraint.texts("matchLabelKeys").enumerate() {
        check_label_name(key, &path.index(i), errors);
    }
}
