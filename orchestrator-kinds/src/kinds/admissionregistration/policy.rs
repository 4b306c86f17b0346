//! ValidatingAdmissionPolicy and MutatingAdmissionPolicy: expressions that decide.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::matching::{check_conditions, check_match, check_rules, fill_match, fill_rules};
use crate::fields::{Fields, Fill};
use crate::format::names::dns1035_label;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const REASONS: [&str; 3] = ["Forbidden", "Invalid", "RequestEntityTooLarge"];

/// The rules of an admission policy.
#[derive(Debug)]
pub struct AdmissionPolicy {
    /// Whether the policy changes what it looks at.
    pub mutating: bool,
}

impl Rules for AdmissionPolicy {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.fill("failurePolicy", "Fail");
        if let Some(constraints) = spec.map_at("matchConstraints") {
            fill_match(constraints);
            fill_rules(constraints, "resourceRules");
            fill_rules(constraints, "excludeResourceRules");
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        match spec.text("failurePolicy") {
            "Fail" | "Ignore" => {}
            "" => errors.required(&SPEC.child("failurePolicy"), ""),
            other => {
                errors.unsupported(&SPEC.child("failurePolicy"), other, &["Fail", "Ignore"]);
            }
        }
        if let Some(kind) = spec.get_set("paramKind") {
            check_parameters(kind, &SPEC.child("paramKind"), errors);
        }
        check_constraints(spec, errors);
        check_conditions(spec.list("matchConditions"), &SPEC.child("matchConditions"), errors);
        check_variables(spec.list("variables"), errors);
        match self.mutating {
            true => check_mutations(spec, errors),
            false => check_validations(spec, errors),
        }
    }

    fn empty_status(&self) -> Option<Json> {
        (!self.mutating).then(|| json!({}))
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

fn check_parameters(kind: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let version = kind.text("apiVersion");
    if version.is_empty() {
        errors.required(&path.child("apiVersion"), "");
    } else if version.split('/').count() > 2 {
        let detail = "unexpected GroupVersion string";
        errors.invalid(&path.child("apiVersion"), version, detail);
    }
    let kind = kind.text("kind");
    if kind.is_empty() {
        errors.required(&path.child("kind"), "");
        return;
    }
    let faults = dns1035_label(&kind.to_lowercase());
    if !faults.is_empty() {
        let faults = faults.join(",");
        let detail = format!("may have mixed case, but should otherwise match: {faults}");
        errors.invalid(&path.child("kind"), kind, detail);
    }
}

fn check_constraints(spec: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("matchConstraints");
    let Some(constraints) = spec.get_set("matchConstraints") else {
        errors.required(&path, "");
        return;
    };
    check_match(constraints, &path, errors);
    if constraints.list("resourceRules").is_empty() {
        errors.required(&path.child("resourceRules"), "");
    }
    for list in ["resourceRules", "excludeResourceRules"] {
        check_rules(constraints.list(list), &path.child(list), errors);
    }
}

fn check_variables(variables: &[Json], errors: &mut FieldErrors) {
    let path = SPEC.child("variables");
    for (i, variable) in variables.iter().enumerate() {
        let path = path.index(i);
        for (field, words) in
            [("name", "name is not specified"), ("expression", "expression is not specified")]
        {
            if variable.text(field).trim().is_empty() {
                errors.required(&path.child(field), words);
            }
        }
    }
}

fn check_validations(spec: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("validations");
    let (validations, notes) = (spec.list("validations"), spec.list("auditAnnotations"));
    if validations.is_empty() && notes.is_empty() {
        const DETAIL: &str = "validations or auditAnnotations must contain at least one item";
        errors.required(&path, DETAIL);
        errors.required(&SPEC.child("auditAnnotations"), DETAIL);
    }
    for (i, validation) in validations.iter().enumerate() {
        let path = path.index(i);
        if validation.text("expression").trim().is_empty() {
            errors.required(&path.child("expression"), "expression is not specified");
        }
        if let Some(reason) = validation.sub("reason").as_str()
            && !REASONS.contains(&reason)
        {
            errors.unsupported(&path.child("reason"), reason, &REASONS);
        }
    }
}

fn check_mutations(spec: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("mutations");
    let mutations = spec.list("mutations");
    if mutations.is_empty() {
        errors.required(&path, "mutations must contain at least one item");
    }
    for (i, mutation) in mutations.iter().enumerate() {
        let path = path.index(i);
        let field = match mutation.text("patchType") {
            "ApplyConfiguration" => "applyConfiguration",
            "JSONPatch" => "jsonPatch",
            "" => {
                errors.required(&path.child("patchType"), "");
                continue;
            }
            other => {
                const TYPES: [&str; 2] = ["ApplyConfiguration", "JSONPatch"];
                errors.unsupported(&path.child("patchType"), other, &TYPES);
                continue;
            }
        };
        if mutation.sub(field).text("expression").trim().is_empty() {
            let path = path.child(field);
            errors.required(&path.child("expression"), "expression is not specified");
        }
    }
    match spec.text("reinvocationPolicy") {
        "Never" | "IfNeeded" => {}
        "" => errors.required(&SPEC.child("reinvocationPolicy"), ""),
        other => {
            let path = SPEC.child("reinvocationPolicy");
            errors.unsupported(&path, other, &["IfNeeded", "Never"]);
        }
    }
}
