//! ResourceQuota: how much a namespace may use.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::pod::defaults::round_amounts;
use crate::pod::resources::{COMPUTE, COUNTED, check_amount, check_name};
use crate::report::Report;
use crate::rules::Rules;

const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];
const CONFLICTS: [(&str, &str); 2] =
    [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")];
const SPEC: Path<'static> = Path::new("spec");

/// The rules of a ResourceQuota.
#[derive(Debug)]
pub struct ResourceQuota;

impl Rules for ResourceQuota {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        if let Some(hard) = spec.map_at("hard") {
            round_amounts(hard);
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        let hard = SPEC.child("hard");
        for (name, value) in spec.entries("hard") {
            check_quota_name(name, &hard.key(name), errors);
            check_amount(name, value, &hard.key(name), errors);
        }
        check_scopes(spec, &SPEC.child("scopes"), errors);
        check_selector(spec, &SPEC.child("scopeSelector"), errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        self.validate(new, change, errors);
        let (scopes, was) = (new.sub("spec").sub("scopes"), old.sub("spec").sub("scopes"));
        if scopes != was {
            errors.invalid(&SPEC.child("scopes"), scopes, "field is immutable");
        }
    }

    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let path = Path::new("status");
        for list in ["hard", "used"] {
            let path = path.child(list);
            for (name, value) in new.sub("status").entries(list) {
                check_quota_name(name, &path.key(name), errors);
                check_amount(name, value, &path.key(name), errors);
            }
        }
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({}))
    }

    fn has_generation(&self) -> bool {
        false
    }
}

fn is_standard(name: &str) -> bool {
    COMPUTE.contains(&name)
        || COUNTED.contains(&name)
        || name == "requests.storage"
        || name.starts_with("hugepages-")
        || name.starts_with("requests.hugepages-")
}

fn check_quota_name(name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    check_name(name, path, errors);
    if !name.contains('/') && !is_standard(name) {
        errors.invalid(path, name, "must be a standard resource for quota");
    }
}

/// Whether a scope says something about a resource.
fn applies(scope: &str, resource: &str) -> bool {
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => {
            matches!(resource, "persistentvolumeclaims" | "requests.storage")
        }
        _ => resource == "pods" || COMPUTE.contains(&resource),
    }
}

fn check_scopes(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let scopes = spec.sub("scopes");
    for scope in spec.texts("scopes") {
        if !SCOPES.contains(&scope) {
            errors.invalid(path, scopes, "unsupported scope");
        }
        for (resource, _) in spec.entries("hard") {
            if is_standard(resource) && !applies(scope, resource) {
                errors.invalid(path, scopes, "unsupported scope applied to resource");
            }
        }
    }
    let has = |wanted: &str| spec.texts("scopes").any(|scope| scope == wanted);
    for _ in CONFLICTS.iter().filter(|(one, other)| has(one) && has(other)) {
        errors.invalid(path, scopes, "conflicting scopes");
    }
}

fn check_selector(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let path = path.child("matchExpressions");
    for expression in spec.sub("scopeSelector").list("matchExpressions") {
        let (scope, operator) = (expression.text("scopeName"), expression.text("operator"));
        if !SCOPES.contains(&scope) {
            errors.invalid(&path.child("scopeName"), scope, "unsupported scope");
        }
        for (resource, _) in spec.entries("hard") {
            if is_standard(resource) && !applies(scope, resource) {
                let selector = spec.sub("scopeSelector");
                errors.invalid(&path, selector, "unsupported scope applied to resource");
            }
        }
        if SCOPES.contains(&scope)
            && !matches!(scope, "PriorityClass" | "VolumeAttributesClass")
            && operator != "Exists"
        {
            const DETAIL: &str = "must be 'Exist' when scope is any of \
                ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, \
                ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or \
                ResourceQuotaScopeCrossNamespacePodAffinity";
            errors.invalid(&path.child("operator"), operator, DETAIL);
        }
        check_values(expression, operator, &path, errors);
    }
}

fn check_values(expression: &Json, operator: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let none = expression.list("values").is_empty();
    let at = path.child("values");
    match operator {
        "In" | "NotIn" if none => {
            const DETAIL: &str =
                "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
            errors.required(&at, DETAIL);
        }
        "Exists" | "DoesNotExist" if !none => {
            const DETAIL: &str =
                "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
            errors.invalid(&at, expression.sub("values"), DETAIL);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
}
