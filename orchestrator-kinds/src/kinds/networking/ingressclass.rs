//! IngressClass: who serves ingresses.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};

use crate::fields::{Fields, Fill};
use crate::format::names::{dns_label, dns_subdomain, path_segment};
use crate::kinds::batch::job::spec::check_domain_path;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const CONTROLLER_MAX: usize = 250;

/// The rules of an IngressClass.
#[derive(Debug)]
pub struct IngressClass;

impl Rules for IngressClass {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        if let Some(parameters) = spec.map_at("parameters") {
            parameters.fill("scope", "Cluster");
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        let (controller, path) = (spec.text("controller"), SPEC.child("controller"));
        if controller.len() > CONTROLLER_MAX {
            errors.too_long(&path, CONTROLLER_MAX);
        }
        match controller.is_empty() {
            true => errors.required(&path, ""),
            false => check_domain_path(controller, &path, errors),
        }
        if let Some(parameters) = spec.get_set("parameters") {
            check_parameters(parameters, &SPEC.child("parameters"), errors);
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let controller = new.sub("spec").sub("controller");
        if controller != old.sub("spec").sub("controller") {
            errors.invalid(&SPEC.child("controller"), controller, "field is immutable");
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }
}

fn check_parameters(parameters: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let group = parameters.text("apiGroup");
    if !group.is_empty() {
        errors.faults(&path.child("apiGroup"), group, dns_subdomain(group));
    }
    for field in ["kind", "name"] {
        let value = parameters.text(field);
        match value.is_empty() {
            true => errors.required(&path.child(field), ""),
            false => errors.faults(&path.child(field), value, path_segment(value)),
        }
    }
    let namespace = parameters.sub("namespace").as_str();
    let at = path.child("namespace");
    match (parameters.text("scope"), namespace) {
        ("", _) => errors.required(&path.child("scope"), ""),
        ("Cluster", Some(_)) => {
            errors.forbidden(&at, "`parameters.scope` is set to 'Cluster'");
        }
        ("Namespace", None) => {
            errors.required(&at, "`parameters.scope` is set to 'Namespace'");
        }
        ("Namespace", Some(namespace)) => errors.faults(&at, namespace, dns_label(namespace)),
        ("Cluster", None) => {}
        (other, _) => {
            errors.unsupported(&path.child("scope"), other, &["Cluster", "Namespace"]);
        }
    }
}
