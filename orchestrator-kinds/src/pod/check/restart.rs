//! How a single container is restarted, whatever its pod says.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::check_option;
use crate::fields::Fields;
use crate::report::Report;

/// How many rules a container may have.
const RULES_MAX: usize = 20;
/// How many exit codes a rule may name.
const CODES_MAX: usize = 255;

/// Checks the restart policy of a container and the rules beside it.
pub(super) fn check(container: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_option(container, "restartPolicy", &["Always", "Never", "OnFailure"], path, errors);
    let rules = container.list("restartPolicyRules");
    if rules.is_empty() {
        return;
    }
    if !container.has("restartPolicy") {
        const DETAIL: &str = "must specify restartPolicy when restart rules are used";
        errors.required(&path.child("restartPolicy"), DETAIL);
    }
    let path = path.child("restartPolicyRules");
    if rules.len() > RULES_MAX {
        errors.too_many(&path, rules.len(), RULES_MAX);
    }
    for (i, rule) in rules.iter().enumerate() {
        check_rule(rule, &path.index(i), errors);
    }
}

fn check_rule(rule: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if rule.text("action") != "Restart" {
        errors.unsupported(&path.child("action"), rule.text("action"), &["Restart"]);
    }
    let (codes, path) = (rule.sub("exitCodes"), path.child("exitCodes"));
    if codes.is_null() {
        errors.required(&path, "must be specified");
        return;
    }
    let operator = codes.text("operator");
    if !matches!(operator, "In" | "NotIn") {
        errors.unsupported(&path.child("operator"), operator, &["In", "NotIn"]);
    }
    let count = codes.list("values").len();
    if count > CODES_MAX {
        errors.too_many(&path.child("values"), count, CODES_MAX);
    }
}
