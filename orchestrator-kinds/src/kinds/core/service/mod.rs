//! Service: one address for many pods.

mod addresses;
mod defaults;
mod ports;
mod prepare;
mod status;
mod traffic;
mod update;

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::Fields;
use crate::format::labels::check_labels;
use crate::format::names::{NameRule, dns_label, dns_subdomain};
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

/// The rules of a Service.
#[derive(Debug)]
pub struct Service;

impl Rules for Service {
    fn names(&self) -> NameRule {
        dns_label
    }

    fn defaults(&self, object: &mut Object) {
        defaults::fill(object.map_mut("spec"));
        object.map_mut("status");
        let status = object.map_mut("status");
        status.entry("loadBalancer").or_insert_with(|| json!({}));
        defaults::fill_status(status);
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare::prepare(new, old, change);
    }

    fn validate(&self, new: &Object, change: Change<'_>, errors: &mut FieldErrors) {
        check(new, change, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        update::check(new.sub("spec"), old.sub("spec"), errors);
        check(new, change, errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        status::check(new, errors);
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        match new.sub("spec").text("trafficDistribution") {
            "PreferClose" => {
                let warning = "spec.trafficDistribution: \"PreferClose\" is deprecated; use \
                               \"PreferSameZone\"";
                vec![warning.into()]
            }
            _ => Vec::new(),
        }
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn has_generation(&self) -> bool {
        false
    }
}

/// Whether the service has no address of its own.
fn is_headless(spec: &impl Fields) -> bool {
    spec.texts("clusterIPs").next() == Some("None") || spec.text("clusterIP") == "None"
}

/// Whether machines outside of the cluster can reach the service.
fn is_external(spec: &impl Fields) -> bool {
    match spec.text("type") {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => !spec.list("externalIPs").is_empty(),
        _ => false,
    }
}

fn check(service: &Object, change: Change<'_>, errors: &mut FieldErrors) {
    let spec = service.sub("spec");
    if ports::check_allocated(spec, errors) {
        return;
    }
    let kind = spec.text("type");
    if spec.list("ports").is_empty() && !is_headless(spec) && kind != "ExternalName" {
        errors.required(&SPEC.child("ports"), "");
    }
    check_kind(spec, errors);
    ports::check_all(spec, errors);
    check_labels(spec.map("selector"), &SPEC.child("selector"), errors);
    traffic::check_affinity(spec, errors);
    addresses::check(spec, change, errors);
    addresses::check_external(spec, errors);
    match kind {
        "" => errors.required(&SPEC.child("type"), ""),
        known if TYPES.contains(&known) => {}
        other => errors.unsupported(&SPEC.child("type"), other, &TYPES),
    }
    ports::check_node_ports(spec, errors);
    traffic::check_load_balancer(service, errors);
    traffic::check_policies(spec, errors);
}

/// Checks what only some kinds of services may say.
fn check_kind(spec: &Json, errors: &mut FieldErrors) {
    let kind = spec.text("type");
    match kind {
        "LoadBalancer" | "NodePort" if is_headless(spec) => {
            let detail = format!("may not be set to 'None' for {kind} services");
            errors.invalid(&SPEC.child("clusterIPs").index(0), "None", detail);
        }
        "ExternalName" => {
            for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                if spec.has(field) && spec.sub(field) != &json!([]) {
                    let path = SPEC.child(field);
                    errors.forbidden(&path, "may not be set for ExternalName services");
                }
            }
            let (name, path) = (spec.text("externalName"), SPEC.child("externalName"));
            let name = name.strip_suffix('.').unwrap_or(name);
            match name.is_empty() {
                true => errors.required(&path, ""),
                false => errors.faults(&path, name, dns_subdomain(name)),
            }
        }
        _ => {}
    }
}
