//! Ingress: which service answers for which host and path.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::Fields;
use crate::format::addresses::{check_address, parse};
use crate::format::names::{dns_label, dns_subdomain, wildcard_subdomain};
use crate::format::numbers::{check_port, port_name};
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
/// The class, as it was named once.
const CLASS: &str = "kubernetes.io/ingress.class";
const PATH_TYPES: [&str; 3] = ["Exact", "ImplementationSpecific", "Prefix"];
const BAD_PARTS: [&str; 6] = ["//", "/./", "/../", "%2f", "%2F", "\0"];
const BAD_ENDS: [&str; 2] = ["/..", "/."];

/// The rules of an Ingress.
#[derive(Debug)]
pub struct Ingress;

impl Rules for Ingress {
    fn defaults(&self, object: &mut Object) {
        object.map_mut("spec");
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check(new, errors);
        let (old_class, class) = (new.annotation(CLASS), new.sub("spec").text("ingressClassName"));
        if let Some(old_class) = old_class
            && !class.is_empty()
            && class != old_class
        {
            let path = Path::new("annotations");
            let detail = "must match `ingressClassName` when both are specified";
            errors.invalid(&path.child(CLASS), old_class, detail);
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check(new, errors);
    }
    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let path = Path::new("status");
        let path = path.child("loadBalancer");
        let path = path.child("ingress");
        for (i, address) in new.sub("status").sub("loadBalancer").list("ingress").iter().enumerate()
        {
            let (path, ip, name) = (path.index(i), address.text("ip"), address.text("hostname"));
            if !ip.is_empty() {
                check_address(ip, &path.child("ip"), errors);
            }
            if !name.is_empty() {
                check_host_name(name, &path.child("hostname"), errors);
            }
        }
    }

    fn warnings(&self, new: &Object, old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        let annotated = new.annotation(CLASS).is_some();
        if old.is_none() && annotated && !new.sub("spec").has("ingressClassName") {
            const OLD: &str = "annotation \"kubernetes.io/ingress.class\" is deprecated, please \
                               use 'spec.ingressClassName' instead";
            return vec![OLD.into()];
        }
        Vec::new()
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({"loadBalancer": {}}))
    }
}

fn check(ingress: &Object, errors: &mut FieldErrors) {
    let spec = ingress.sub("spec");
    if spec.list("rules").is_empty() && !spec.has("defaultBackend") {
        const DETAIL: &str = "either `defaultBackend` or `rules` must be specified";
        errors.invalid(&SPEC, &Json::Null, DETAIL);
    }
    if let Some(backend) = spec.get_set("defaultBackend") {
        check_backend(backend, &SPEC.child("defaultBackend"), errors);
    }
    let rules = SPEC.child("rules");
    for (i, rule) in spec.list("rules").iter().enumerate() {
        check_rule(rule, &rules.index(i), errors);
    }
    check_certificates(spec.list("tls"), &SPEC.child("tls"), errors);
    if let Some(class) = spec.sub("ingressClassName").as_str() {
        errors.faults(&SPEC.child("ingressClassName"), class, dns_subdomain(class));
    }
}

fn check_host_name(name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    errors.faults(path, name, dns_subdomain(name));
    if parse(name).is_some() {
        errors.invalid(path, name, "must be a DNS name, not an IP address");
    }
}

fn check_host(host: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if host.is_empty() {
        return;
    }
    if parse(host).is_some() {
        errors.invalid(path, host, "must be a DNS name, not an IP address");
    } else if host.contains('*') {
        errors.faults(path, host, wildcard_subdomain(host));
    } else {
        errors.faults(path, host, dns_subdomain(host));
    }
}

fn check_rule(rule: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_host(rule.text("host"), &path.child("host"), errors);
    let Some(http) = rule.get_set("http") else { return };
    let at = path.child("http");
    let at = at.child("paths");
    let paths = http.list("paths");
    if paths.is_empty() {
        errors.required(&at, "");
    }
    for (i, one) in paths.iter().enumerate() {
        check_path(one, &at.index(i), errors);
    }
}

fn check_path(one: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (text, kind, at) = (one.text("path"), one.sub("pathType").as_str(), path.child("path"));
    match kind {
        None => errors.required(&path.child("pathType"), "pathType must be specified"),
        Some("Exact" | "Prefix") => {
            if !text.starts_with('/') {
                errors.invalid(&at, text, "must be an absolute path");
            }
            if !text.is_empty() {
                for part in BAD_PARTS.iter().filter(|part| text.contains(*part)) {
                    errors.invalid(&at, text, format!("must not contain '{part}'"));
                }
                for end in BAD_ENDS.iter().filter(|end| text.ends_with(*end)) {
                    errors.invalid(&at, text, format!("cannot end with '{end}'"));
                }
            }
        }
        Some("ImplementationSpecific") => {
            if !text.is_empty() && !text.starts_with('/') {
                errors.invalid(&at, text, "must be an absolute path");
            }
        }
        Some(other) => errors.unsupported(&path.child("pathType"), other, &PATH_TYPES),
    }
    check_backend(one.sub("backend"), &path.child("backend"), errors);
}

fn check_backend(backend: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (service, resource) = (backend.sub("service"), backend.sub("resource"));
    match (service.is_null(), resource.is_null()) {
        (false, false) => {
            errors.invalid(path, "", "cannot set both resource and service backends");
        }
        (true, true) => errors.invalid(path, "", "resource or service backend is required"),
        (true, false) => check_resource(resource, &path.child("resource"), errors),
        (false, true) => check_service(service, path, errors),
    }
}

fn check_service(service: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let at = path.child("service");
    let name = service.text("name");
    match name.is_empty() {
        true => errors.required(&at.child("name"), ""),
        false => errors.faults(&at.child("name"), name, dns_label(name)),
    }
    let at = at.child("port");
    let (name, number) = (service.sub("port").text("name"), service.sub("port").int("number"));
    match (name.is_empty(), number.filter(|number| *number != 0)) {
        (false, Some(_)) => errors.invalid(path, "", "cannot set both port name & port number"),
        (true, None) => errors.required(path, "port name or number is required"),
        (false, None) => errors.faults(&at.child("name"), name, port_name(name)),
        (true, Some(number)) => check_port(number, &at.child("number"), errors),
    }
}

fn check_resource(resource: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let group = resource.text("apiGroup");
    if !group.is_empty() {
        errors.faults(&path.child("apiGroup"), group, dns_subdomain(group));
    }
    for field in ["kind", "name"] {
        if resource.text(field).is_empty() {
            errors.required(&path.child(field), "");
        }
    }
}

fn check_certificates(all: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, certificate) in all.iter().enumerate() {
        let (path, secret) = (path.index(i), certificate.text("secretName"));
        let hosts = path.child("hosts");
        for (j, host) in certificate.texts("hosts").enumerate() {
            match host.contains('*') {
                true => errors.faults(&hosts.index(j), host, wildcard_subdomain(host)),
                false => errors.faults(&hosts.index(j), host, dns_subdomain(host)),
            }
        }
        if !secret.is_empty() {
            errors.faults(&path.child("secretName"), secret, dns_subdomain(secret));
        }
    }
}
