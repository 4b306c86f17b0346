//! Which requests a webhook or a policy looks at.

use orchestrator_cel::Env;
use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;

use super::expressions::{Wanted, check};
use crate::fields::{Fields, Fill};
use crate::format::labels::{check_selector, qualified_name};
use crate::pod::check::check_option;
use crate::report::Report;

const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES: [&str; 3] = ["*", "Cluster", "Namespaced"];
/// How many conditions there may be.
const CONDITIONS_MAX: usize = 64;

/// Fills in the scope of rules.
pub(super) fn fill_rules(parent: &mut Map, list: &str) {
    for rule in parent.maps_of(list) {
        rule.fill("scope", "*");
    }
}

/// Fills in the selectors and the policy of a match.
pub(super) fn fill_match(matching: &mut Map) {
    matching.fill("matchPolicy", "Equivalent");
    matching.map_made("namespaceSelector");
    matching.map_made("objectSelector");
}

/// Checks the selectors and the policy of a match.
pub(super) fn check_match(matching: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_option(matching, "matchPolicy", &["Equivalent", "Exact"], path, errors);
    for selector in ["namespaceSelector", "objectSelector"] {
        check_selector(matching.sub(selector), &path.child(selector), errors);
    }
}

/// Checks rules at `path`.
pub(super) fn check_rules(rules: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, rule) in rules.iter().enumerate() {
        check_rule(rule, &path.index(i), errors);
    }
}

fn check_rule(rule: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_list(rule, "operations", "operations", path, errors);
    let operations = path.child("operations");
    for (i, operation) in rule.texts("operations").enumerate() {
        if !OPERATIONS.contains(&operation) {
            errors.unsupported(&operations.index(i), operation, &OPERATIONS);
        }
    }
    check_list(rule, "apiGroups", "API groups", path, errors);
    check_list(rule, "apiVersions", "API versions", path, errors);
    let versions = path.child("apiVersions");
    for (i, version) in rule.texts("apiVersions").enumerate() {
        if version.is_empty() {
            errors.required(&versions.index(i), "");
        }
    }
    if rule.list("resources").is_empty() {
        errors.required(&path.child("resources"), "");
    }
    check_option(rule, "scope", &SCOPES, path, errors);
}

/// A list that is not empty, and names nothing else beside the star.
fn check_list(rule: &Json, field: &str, words: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let count = rule.list(field).len();
    if count == 0 {
        errors.required(&path.child(field), "");
    }
    if count > 1 && rule.texts(field).any(|item| item == "*") {
        let detail = format!("if '*' is present, must not specify other {words}");
        errors.invalid(&path.child(field), rule.sub(field), detail);
    }
}

/// Checks conditions: each has a name of its own and something to say.
pub(super) fn check_conditions(
    conditions: &[Json],
    env: &Env,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    if conditions.len() > CONDITIONS_MAX {
        errors.too_many(path, conditions.len(), CONDITIONS_MAX);
    }
    for (i, condition) in conditions.iter().enumerate() {
        let (path, name) = (path.index(i), condition.text("name"));
        let expression = condition.text("expression");
        match expression.trim().is_empty() {
            true => errors.required(&path.child("expression"), ""),
            false => {
                check(env, expression, Wanted::Bool, &path.child("expression"), errors);
            }
        }
        if name.is_empty() {
            errors.required(&path.child("name"), "");
            continue;
        }
        errors.faults(&path.child("name"), name, qualified_name(name));
        if conditions[..i].iter().any(|earlier| earlier.text("name") == name) {
            errors.duplicate(&path.child("name"), name, "");
        }
    }
}
