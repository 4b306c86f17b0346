//! FlowSchema: which requests belong to which level.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::format::names::{dns_label, dns_subdomain, path_segment};
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const PRECEDENCE: i64 = 1000;
const PRECEDENCE_MAX: i64 = 10000;
const VERBS: [&str; 9] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

/// The rules of a FlowSchema.
#[derive(Debug)]
pub struct FlowSchema;

impl Rules for FlowSchema {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.fill_number("matchingPrecedence", PRECEDENCE);
        spec.map_made("priorityLevelConfiguration");
        for rule in spec.maps_of("rules") {
            rule.null_list("subjects");
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        let precedence = spec.int("matchingPrecedence").unwrap_or_default();
        let path = SPEC.child("matchingPrecedence");
        if precedence <= 0 {
            errors.invalid(&path, precedence, "must be a positive value");
        } else if precedence > PRECEDENCE_MAX {
            let detail = format!("must not be greater than {PRECEDENCE_MAX}");
            errors.invalid(&path, precedence, detail);
        } else if precedence == 1 && new.name() != "exempt" {
            let detail = "only the schema named 'exempt' may have matchingPrecedence 1";
            errors.invalid(&path, precedence, detail);
        }
        check_distinguisher(spec, errors);
        check_level(spec, errors);
        let rules = SPEC.child("rules");
        for (i, rule) in spec.list("rules").iter().enumerate() {
            check_rule(rule, &rules.index(i), errors);
        }
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({}))
    }
}

fn check_distinguisher(spec: &Json, errors: &mut FieldErrors) {
    let Some(method) = spec.get_set("distinguisherMethod") else { return };
    let (kind, path) = (method.text("type"), SPEC.child("distinguisherMethod"));
    match kind {
        "ByNamespace" | "ByUser" => {}
        "" => errors.required(&path.child("type"), ""),
        other => {
            errors.unsupported(&path.child("type"), other, &["ByNamespace", "ByUser"]);
        }
    }
}

fn check_level(spec: &Json, errors: &mut FieldErrors) {
    let (name, path) = (
        spec.sub("priorityLevelConfiguration").text("name"),
        SPEC.child("priorityLevelConfiguration"),
    );
    let path = path.child("name");
    match name.is_empty() {
        true => errors.required(&path, "must reference a priority level"),
        false => errors.faults(&path, name, dns_subdomain(name)),
    }
}

fn check_rule(rule: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let subjects = path.child("subjects");
    if rule.list("subjects").is_empty() {
        errors.required(&subjects, "subjects must contain at least one value");
    }
    for (i, subject) in rule.list("subjects").iter().enumerate() {
        check_subject(subject, &subjects.index(i), errors);
    }
    if rule.list("resourceRules").is_empty() && rule.list("nonResourceRules").is_empty() {
        const DETAIL: &str =
            "at least one of resourceRules and nonResourceRules has to be non-empty";
        errors.required(path, DETAIL);
    }
    let at = path.child("resourceRules");
    for (i, rule) in rule.list("resourceRules").iter().enumerate() {
        check_resources(rule, &at.index(i), errors);
    }
    let at = path.child("nonResourceRules");
    for (i, rule) in rule.list("nonResourceRules").iter().enumerate() {
        check_verbs(rule, &at.index(i), errors);
        if rule.list("nonResourceURLs").is_empty() {
            let detail = "nonResourceURLs must contain at least one value";
            errors.required(&at.index(i).child("nonResourceURLs"), detail);
        }
    }
}

fn check_subject(subject: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    const KINDS: [(&str, &str); 3] =
        [("Group", "group"), ("ServiceAccount", "serviceAccount"), ("User", "user")];
    let kind = subject.text("kind");
    let Some((_, field)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        errors.unsupported(&path.child("kind"), kind, &KINDS.map(|(kind, _)| kind));
        return;
    };
    let at = path.child(field);
    let Some(who) = subject.get_set(field) else {
        let detail = format!("{field} is required when subject kind is '{kind}'");
        errors.required(&at, detail);
        return;
    };
    let name = who.text("name");
    if name.is_empty() {
        errors.required(&at.child("name"), "");
    } else if kind == "ServiceAccount" && name != "*" {
        errors.faults(&at.child("name"), name, dns_subdomain(name));
    }
    if kind == "ServiceAccount" {
        let namespace = who.text("namespace");
        match namespace.is_empty() {
            true => errors
                .required(&at.child("namespace"), "must specify namespace for service account"),
            false => errors.faults(&at.child("namespace"), namespace, path_segment(namespace)),
        }
    }
    for (_, other) in KINDS.iter().filter(|(_, other)| other != field && subject.has(other)) {
        let detail = format!("{other} is forbidden when subject kind is not '{other}'");
        errors.forbidden(&path.child(other), detail);
    }
}

fn check_verbs(rule: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let path = path.child("verbs");
    let all = rule.texts("verbs").any(|verb| verb == "*");
    if rule.list("verbs").is_empty() {
        errors.required(&path, "verbs must contain at least one value");
    } else if all && rule.list("verbs").len() > 1 {
        let detail = "if '*' is present, must not specify other verbs";
        errors.invalid(&path, rule.sub("verbs"), detail);
    } else if !all && !rule.texts("verbs").all(|verb| VERBS.contains(&verb)) {
        errors.unsupported(&path, rule.sub("verbs"), &VERBS);
    }
}

fn check_resources(rule: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_verbs(rule, path, errors);
    for (field, words) in [
        ("apiGroups", "resource rules must supply at least one api group"),
        ("resources", "resource rules must supply at least one resource"),
    ] {
        if rule.list(field).is_empty() {
            errors.required(&path.child(field), words);
        }
    }
    let namespaces = path.child("namespaces");
    if rule.list("namespaces").is_empty() && !rule.flag("clusterScope") {
        const DETAIL: &str =
            "resource rules that are not cluster scoped must supply at least one namespace";
        errors.required(&namespaces, DETAIL);
    }
    for (i, namespace) in rule.texts("namespaces").enumerate().filter(|(_, n)| *n != "*") {
        errors.faults(&namespaces.index(i), namespace, dns_label(namespace));
    }
}
