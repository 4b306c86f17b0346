//! Taints that a pod puts up with.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::labels::{check_label_name, label_value};
use crate::report::Report;

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Checks tolerations.
pub fn check_tolerations(tolerations: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, toleration) in tolerations.iter().enumerate() {
        check_one(toleration, &path.index(i), errors);
    }
}

fn check_one(toleration: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (key, value) = (toleration.text("key"), toleration.text("value"));
    let (operator, effect) = (toleration.text("operator"), toleration.text("effect"));
    let at = path.child("operator");
    if !key.is_empty() {
        check_label_name(key, &path.child("key"), errors);
    } else if operator != "Exists" {
        const DETAIL: &str = "operator must be Exists when `key` is empty, which means \"match all \
                              values and all keys\"";
        errors.invalid(&at, operator, DETAIL);
    }
    if toleration.has("tolerationSeconds") && effect != "NoExecute" {
        const DETAIL: &str = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.invalid(&path.child("effect"), effect, DETAIL);
    }
    match operator {
        "" | "Equal" => {
            let faults = label_value(value);
            if !faults.is_empty() {
                errors.invalid(&at, value, faults.join(";"));
            }
        }
        "Exists" if !value.is_empty() => {
            errors.invalid(&at, value, "value must be empty when `operator` is 'Exists'");
        }
        "Exists" => {}
        other => errors.unsupported(&at, other, &["Equal", "Exists"]),
    }
    if !effect.is_empty() {
        check_taint_effect(effect, &path.child("effect"), errors);
    }
}

/// Checks what a taint does to pods.
pub fn check_taint_effect(effect: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    match effect {
        "" => errors.required(path, ""),
        known if EFFECTS.contains(&known) => {}
        other => errors.unsupported(path, other, &EFFECTS),
    }
}
