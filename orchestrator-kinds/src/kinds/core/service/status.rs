//! The status of a service: the addresses that a load balancer gave it.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::{Json, Object};

use crate::fields::Fields;
use crate::format::addresses::{check_address, parse};
use crate::format::names::dns_subdomain;
use crate::report::Report;

/// Checks a change of the status.
pub(super) fn check(service: &Object, errors: &mut FieldErrors) {
    let path = Path::new("status");
    let path = path.child("loadBalancer");
    let path = path.child("ingress");
    let addresses = service.sub("status").sub("loadBalancer").list("ingress");
    if service.sub("spec").text("type") != "LoadBalancer" && !addresses.is_empty() {
        errors.forbidden(&path, "may only be used when `spec.type` is 'LoadBalancer'");
        return;
    }
    for (i, address) in addresses.iter().enumerate() {
        check_ingress(address, &path.index(i), errors);
    }
}

/// Checks one address of a load balancer at `path`.
pub fn check_ingress(address: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (ip, name) = (address.text("ip"), address.text("hostname"));
    if !ip.is_empty() {
        check_address(ip, &path.child("ip"), errors);
        check_mode(address, path, errors);
    } else if address.has("ipMode") {
        let detail = "may not be specified when `ip` is not set";
        errors.forbidden(&path.child("ipMode"), detail);
    }
    if !name.is_empty() {
        errors.faults(&path.child("hostname"), name, dns_subdomain(name));
        if parse(name).is_some() {
            const DETAIL: &str = "must be a DNS name, not an IP address";
            errors.invalid(&path.child("hostname"), name, DETAIL);
        }
    }
}

fn check_mode(address: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    match address.sub("ipMode").as_str() {
        None | Some("VIP" | "Proxy") => {}
        Some(other) => errors.unsupported(&path.child("ipMode"), other, &["Proxy", "VIP"]),
    }
}
