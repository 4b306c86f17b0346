//! ValidatingAdmissionPolicyBinding and MutatingAdmissionPolicyBinding: where a policy holds.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};

use super::matching::{check_match, check_rules, fill_match, fill_rules};
use crate::fields::{Fields, Fill};
use crate::format::labels::check_selector;
use crate::format::names::{dns_subdomain, path_segment};
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const ACTIONS: [&str; 3] = ["Audit", "Deny", "Warn"];

/// The rules of the binding of an admission policy.
#[derive(Debug)]
pub struct PolicyBinding {
    /// Whether the policy changes what it looks at.
    pub mutating: bool,
}

impl Rules for PolicyBinding {
    fn defaults(&self, object: &mut Object) {
        if let Some(matching) = object.map_mut("spec").map_at("matchResources") {
            fill_match(matching);
            fill_rules(matching, "resourceRules");
            fill_rules(matching, "excludeResourceRules");
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        let (policy, path) = (spec.text("policyName"), SPEC.child("policyName"));
        match policy.is_empty() {
            true => errors.required(&path, ""),
            false => errors.faults(&path, policy, dns_subdomain(policy)),
        }
        if let Some(reference) = spec.get_set("paramRef") {
            check_reference(reference, &SPEC.child("paramRef"), errors);
        }
        if let Some(matching) = spec.get_set("matchResources") {
            let path = SPEC.child("matchResources");
            check_match(matching, &path, errors);
            for list in ["resourceRules", "excludeResourceRules"] {
                check_rules(matching.list(list), &path.child(list), errors);
            }
        }
        if !self.mutating {
            check_actions(spec, errors);
        }
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

fn check_reference(reference: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    const BOTH: &str = "name and selector are mutually exclusive";
    let (name, selector) = (reference.text("name"), reference.get_set("selector"));
    if !name.is_empty() {
        errors.faults(&path.child("name"), name, path_segment(name));
        if selector.is_some() {
            errors.forbidden(&path.child("name"), BOTH);
        }
    }
    if let Some(selector) = selector {
        check_selector(selector, &path.child("selector"), errors);
        if !name.is_empty() {
            errors.forbidden(&path.child("selector"), BOTH);
        }
    } else if name.is_empty() {
        errors.required(path, "one of name or selector must be specified");
    }
    match reference.sub("parameterNotFoundAction").as_str() {
        Some("Allow" | "Deny") => {}
        None | Some("") => errors.required(&path.child("parameterNotFoundAction"), ""),
        Some(other) => {
            let path = path.child("parameterNotFoundAction");
            errors.unsupported(&path, other, &["Allow", "Deny"]);
        }
    }
}

fn check_actions(spec: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("validationActions");
    let actions = spec.list("validationActions");
    if actions.is_empty() {
        errors.required(&path, "");
    }
    for (i, action) in spec.texts("validationActions").enumerate() {
        if !ACTIONS.contains(&action) {
            errors.unsupported(&path.index(i), action, &ACTIONS);
        }
        if actions[..i].iter().any(|earlier| earlier == action) {
            errors.duplicate(&path.index(i), action, "");
        }
    }
    let has = |wanted: &str| actions.iter().any(|action| action == wanted);
    if has("Deny") && has("Warn") {
        const DETAIL: &str = "must not contain both Deny and Warn (repeating the same validation \
            failure information in the API response and headers serves no purpose)";
        errors.invalid(&path, spec.sub("validationActions"), DETAIL);
    }
}
