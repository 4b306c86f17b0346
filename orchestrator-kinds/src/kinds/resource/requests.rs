//! What a claim asks for.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;

use super::selectors;
use crate::fields::{Fields, Fill};
use crate::format::names::{dns_label, dns_subdomain};
use crate::report::Report;

const REQUESTS_MAX: usize = 32;

/// Fills in the devices of a claim's spec.
pub(super) fn fill(spec: &mut Map) {
    let devices = spec.map_made("devices");
    devices.null_list("requests");
    for request in devices.maps_of("requests") {
        if let Some(exactly) = request.map_at("exactly") {
            fill_request(exactly);
        }
        request.maps_of("firstAvailable").for_each(fill_request);
    }
}

fn fill_request(request: &mut Map) {
    request.fill_text("allocationMode", "ExactCount");
    if request.text("allocationMode") == "ExactCount" {
        request.fill_number("count", 1);
    }
    for toleration in request.maps_of("tolerations") {
        toleration.fill_text("operator", "Equal");
    }
}

/// Checks the devices of a claim's spec at `path`.
pub(super) fn check(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (devices, path) = (spec.sub("devices"), path.child("devices"));
    let (requests, path) = (devices.list("requests"), path.child("requests"));
    if requests.len() > REQUESTS_MAX {
        errors.too_many(&path, requests.len(), REQUESTS_MAX);
    }
    for (i, request) in requests.iter().enumerate() {
        let (path, name) = (path.index(i), request.text("name"));
        match name.is_empty() {
            true => errors.required(&path.child("name"), ""),
            false => errors.faults(&path.child("name"), name, dns_label(name)),
        }
        if requests[..i].iter().any(|earlier| earlier.text("name") == name) {
            errors.duplicate(&path.child("name"), name, "");
        }
        check_alternatives(request, &path, errors);
    }
}

fn check_alternatives(request: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let alternatives = request.list("firstAvailable");
    match (request.get_set("exactly"), alternatives.is_empty()) {
        (Some(exactly), true) => check_request(exactly, &path.child("exactly"), errors),
        (None, false) => {
            let path = path.child("firstAvailable");
            for (i, one) in alternatives.iter().enumerate() {
                check_request(one, &path.index(i), errors);
            }
        }
        (None, true) => {
            errors.required(path, "exactly one of `exactly` or `firstAvailable` is required");
        }
        (Some(_), false) => {
            let detail = "exactly one of `exactly` or `firstAvailable` is required, but multiple \
                          fields are set";
            errors.invalid(path, "", detail);
        }
    }
}

fn check_request(request: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (class, at) = (request.text("deviceClassName"), path.child("deviceClassName"));
    match class.is_empty() {
        true => errors.required(&at, ""),
        false => errors.faults(&at, class, dns_subdomain(class)),
    }
    selectors::check(request.list("selectors"), &path.child("selectors"), errors);
    let count = request.int("count").unwrap_or_default();
    match request.text("allocationMode") {
        "ExactCount" if count <= 0 => {
            errors.invalid(&path.child("count"), count, "must be greater than zero");
        }
        "All" if count != 0 => {
            let detail = "must not be specified when allocationMode is 'All'";
            errors.invalid(&path.child("count"), count, detail);
        }
        "ExactCount" | "All" => {}
        other => {
            let path = path.child("allocationMode");
            errors.unsupported(&path, other, &["All", "ExactCount"]);
        }
    }
}
