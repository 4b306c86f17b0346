//! How fast an autoscaler acts.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::pod::check::check_option;
use crate::report::Report;

const WINDOW_MAX_S: i64 = 3600;
const PERIOD_MAX_S: i64 = 1800;

/// Fills in the rules for both directions.
pub(super) fn fill(behavior: &mut Map) {
    let up = behavior.map_made("scaleUp");
    up.fill("stabilizationWindowSeconds", 0);
    up.fill("selectPolicy", "Max");
    if !up.has("policies") {
        let policies = json!([
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ]);
        up.insert("policies".into(), policies);
    }
    let down = behavior.map_made("scaleDown");
    down.fill("selectPolicy", "Max");
    if !down.has("policies") {
        let policies = json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]);
        down.insert("policies".into(), policies);
    }
}

/// Checks the rules for both directions.
pub(super) fn check(behavior: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for direction in ["scaleUp", "scaleDown"] {
        if let Some(rules) = behavior.get_set(direction) {
            check_rules(rules, &path.child(direction), errors);
        }
    }
}

fn check_rules(rules: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if let Some(seconds) = rules.int("stabilizationWindowSeconds") {
        let path = path.child("stabilizationWindowSeconds");
        if seconds < 0 {
            errors.invalid(&path, seconds, "must be greater than or equal to zero");
        }
        if seconds > WINDOW_MAX_S {
            let detail = format!("must be less than or equal to {WINDOW_MAX_S}");
            errors.invalid(&path, seconds, detail);
        }
    }
    check_option(rules, "selectPolicy", &["Disabled", "Max", "Min"], path, errors);
    let at = path.child("policies");
    if rules.list("policies").is_empty() {
        errors.required(&at, "must specify at least one Policy");
    }
    for (i, policy) in rules.list("policies").iter().enumerate() {
        check_policy(policy, &at.index(i), errors);
    }
}

fn check_policy(policy: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let kind = policy.text("type");
    if !matches!(kind, "Pods" | "Percent") {
        errors.unsupported(&path.child("type"), kind, &["Percent", "Pods"]);
    }
    for field in ["value", "periodSeconds"] {
        let number = policy.int(field).unwrap_or_default();
        if number <= 0 {
            errors.invalid(&path.child(field), number, "must be greater than zero");
        }
    }
    let seconds = policy.int("periodSeconds").unwrap_or_default();
    if seconds > PERIOD_MAX_S {
        let detail = format!("must be less than or equal to {PERIOD_MAX_S}");
        errors.invalid(&path.child("periodSeconds"), seconds, detail);
    }
}
