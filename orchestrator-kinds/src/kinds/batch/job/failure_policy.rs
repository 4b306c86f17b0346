//! What a job makes of pods that failed.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::labels::check_label_name;
use crate::report::{Report, Verbatim};

const RULES_MAX: usize = 20;
const CODES_MAX: usize = 255;
const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];

/// Checks the policy at `path` of a job of the given spec.
pub(super) fn check(policy: &Json, spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (rules, path) = (policy.list("rules"), path.child("rules"));
    if rules.len() > RULES_MAX {
        errors.too_many(&path, rules.len(), RULES_MAX);
    }
    for (i, rule) in rules.iter().enumerate() {
        check_rule(rule, spec, &path.index(i), errors);
    }
}

fn check_rule(rule: &Json, spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (action, at) = (rule.text("action"), path.child("action"));
    match action {
        "" => {
            errors.required(&at, "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]")
        }
        "FailIndex" if !spec.has("backoffLimitPerIndex") => {
            errors.invalid(&at, action, "requires the backoffLimitPerIndex to be set");
        }
        known if ACTIONS.contains(&known) => {}
        other => errors.unsupported(&at, other, &ACTIONS),
    }
    let (codes, conditions) = (rule.sub("onExitCodes"), rule.list("onPodConditions"));
    let none = Verbatim("");
    match (codes.is_null(), conditions.is_empty()) {
        (false, false) => {
            const DETAIL: &str = "specifying both OnExitCodes and OnPodConditions is not supported";
            errors.invalid(path, none, DETAIL);
        }
        (true, true) => {
            const DETAIL: &str = "specifying one of OnExitCodes and OnPodConditions is required";
            errors.invalid(path, none, DETAIL);
        }
        _ => {}
    }
    if !codes.is_null() {
        check_codes(codes, spec, &path.child("onExitCodes"), errors);
    }
    check_conditions(conditions, &path.child("onPodConditions"), errors);
}

fn check_codes(codes: &Json, spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (operator, at) = (codes.text("operator"), path.child("operator"));
    match operator {
        "In" | "NotIn" => {}
        "" => errors.required(&at, "valid values: [\"In\" \"NotIn\"]"),
        other => errors.unsupported(&at, other, &["In", "NotIn"]),
    }
    if let Some(name) = codes.sub("containerName").as_str() {
        let pod = spec.sub("template").sub("spec");
        let mut all = pod.list("containers").iter().chain(pod.list("initContainers"));
        if !all.any(|container| container.text("name") == name) {
            const DETAIL: &str =
                "must be one of the container or initContainer names in the pod template";
            errors.invalid(&path.child("containerName"), name, DETAIL);
        }
    }
    check_values(codes, operator, &path.child("values"), errors);
}

fn check_values(codes: &Json, operator: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let values = codes.list("values");
    if values.is_empty() {
        errors.invalid(path, codes.sub("values"), "at least one value is required");
    } else if values.len() > CODES_MAX {
        errors.too_many(path, values.len(), CODES_MAX);
    }
    for (i, value) in values.iter().enumerate() {
        if operator == "In" && value.as_i64() == Some(0) {
            errors.invalid(&path.index(i), 0, "must not be 0 for the In operator");
        }
        if values[..i].contains(value) {
            errors.duplicate(&path.index(i), value, "");
        }
    }
    if !values.is_sorted_by_key(|value| value.as_i64()) {
        errors.invalid(path, codes.sub("values"), "must be ordered");
    }
}

fn check_conditions(conditions: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    const STATUSES: [&str; 3] = ["False", "True", "Unknown"];
    if conditions.len() > RULES_MAX {
        errors.too_many(path, conditions.len(), RULES_MAX);
    }
    for (i, condition) in conditions.iter().enumerate() {
        let path = path.index(i);
        check_label_name(condition.text("type"), &path.child("type"), errors);
        match condition.text("status") {
            "" => errors
                .required(&path.child("status"), "valid values: [\"False\" \"True\" \"Unknown\"]"),
            known if STATUSES.contains(&known) => {}
            other => errors.unsupported(&path.child("status"), other, &STATUSES),
        }
    }
}
