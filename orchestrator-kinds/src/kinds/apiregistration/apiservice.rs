//! APIService: one version of one group, and who serves it.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::format::names::{NameRule, dns_subdomain, dns1035_label, path_segment};
use crate::format::numbers::check_port;
use crate::meta::METADATA;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");

/// The rules of an APIService.
#[derive(Debug)]
pub struct ApiService;

impl Rules for ApiService {
    fn names(&self) -> NameRule {
        path_segment
    }

    fn defaults(&self, object: &mut Object) {
        if let Some(service) = object.map_mut("spec").map_at("service") {
            service.fill("port", 443);
        }
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare_spec_and_status(new, old, change.subresource);
        if old.is_none() && !new.sub("spec").has("service") {
            let local = json!({
                "type": "Available",
                "status": "True",
                "lastTransitionTime": change.env.now_rfc3339(),
                "reason": "Local",
                "message": "Local APIServices are always available",
            });
            new.set("status", json!({ "conditions": [local] }));
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        let (group, version) = (spec.text("group"), spec.text("version"));
        let wanted = format!("{version}.{group}");
        if new.name() != wanted {
            let detail = format!("must be `spec.version+\".\"+spec.group`: {wanted:?}");
            errors.invalid(&METADATA.child("name"), new.name(), detail);
        }
        if !group.is_empty() {
            errors.faults(&SPEC.child("group"), group, dns_subdomain(group));
        } else if version != "v1" {
            errors.required(
                &SPEC.child("group"),
                "only v1 may have an empty group and it better be legacy kube",
            );
        }
        match version.is_empty() {
            true => errors.required(&SPEC.child("version"), ""),
            false => errors.faults(&SPEC.child("version"), version, dns1035_label(version)),
        }
        check_priority(spec, "groupPriorityMinimum", 20000, errors);
        check_priority(spec, "versionPriority", 1000, errors);
        check_service(spec, errors);
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({}))
    }

    fn rechecks_metadata(&self) -> bool {
        true
    }

    fn has_generation(&self) -> bool {
        false
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

fn check_priority(spec: &Json, field: &str, most: i64, errors: &mut FieldErrors) {
    let value = spec.int(field).unwrap_or_default();
    if value <= 0 || value > most {
        let detail = format!("must be positive and less than {most}");
        errors.invalid(&SPEC.child(field), value, detail);
    }
}

fn check_service(spec: &Json, errors: &mut FieldErrors) {
    let has_bundle = !spec.text("caBundle").is_empty();
    let Some(service) = spec.get_set("service") else {
        let detail = "must be empty: local APIServices may not have a caBundle";
        if has_bundle {
            errors.invalid(&SPEC.child("caBundle"), spec.sub("caBundle"), detail);
        }
        if spec.flag("insecureSkipTLSVerify") {
            let detail = "must be false: local APIServices may not skip TLS verification";
            errors.invalid(&SPEC.child("insecureSkipTLSVerify"), true, detail);
        }
        return;
    };
    let path = SPEC.child("service");
    for field in ["namespace", "name"] {
        if service.text(field).is_empty() {
            errors.required(&path.child(field), "");
        }
    }
    check_port(service.int("port").unwrap_or_default(), &path.child("port"), errors);
    if spec.flag("insecureSkipTLSVerify") && has_bundle {
        let detail = "may not be true if caBundle is present";
        errors.invalid(&SPEC.child("insecureSkipTLSVerify"), true, detail);
    }
}
