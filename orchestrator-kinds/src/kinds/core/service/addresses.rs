//! Addresses of services.

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;
use orchestrator_core::resource::Change;

use super::SPEC;
use crate::fields::Fields;
use crate::format::addresses::{check_address, check_ordinary, parse};
use crate::pod::check::check_option;
use crate::report::Report;

const FAMILIES: [&str; 2] = ["IPv4", "IPv6"];
const POLICIES: [&str; 3] = ["PreferDualStack", "RequireDualStack", "SingleStack"];
/// One address per family.
const ADDRESSES_MAX: usize = 2;

/// Checks the addresses inside the cluster, and the families that they are of.
pub(super) fn check(spec: &Json, change: Change<'_>, errors: &mut FieldErrors) {
    if spec.text("type") == "ExternalName" {
        return;
    }
    check_first(spec, errors);
    check_families(spec, change, errors);
    let path = SPEC.child("clusterIPs");
    let addresses = spec.list("clusterIPs");
    for (i, text) in spec.texts("clusterIPs").enumerate() {
        if text == "None" {
            if addresses.len() > 1 {
                const DETAIL: &str = "'None' must be the first and only value";
                errors.invalid(&path, spec.sub("clusterIPs"), DETAIL);
            }
            continue;
        }
        let Some(address) = check_address(text, &path.index(i), errors) else { continue };
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        match spec.texts("ipFamilies").nth(i) {
            Some(wanted) if wanted != family && FAMILIES.contains(&wanted) => {
                let detail =
                    format!("expected an {wanted} value as indicated by `ipFamilies[{i}]`");
                errors.invalid(&path.index(i), text, detail);
            }
            _ => {}
        }
    }
    if addresses.len() > ADDRESSES_MAX {
        const DETAIL: &str = "may only hold up to 2 values";
        errors.invalid(&path, spec.sub("clusterIPs"), DETAIL);
    }
}

/// The single address is the first of the list.
fn check_first(spec: &Json, errors: &mut FieldErrors) {
    let (first, all) = (spec.text("clusterIP"), spec.sub("clusterIPs"));
    let path = SPEC.child("clusterIPs");
    match (first.is_empty(), spec.texts("clusterIPs").next()) {
        (false, None) => errors.required(&path, ""),
        (false, Some(listed)) if listed != first => {
            errors.invalid(&path, all, "first value must match `clusterIP`");
        }
        (true, Some(_)) => {
            errors.invalid(&path, all, "must be empty when `clusterIP` is not specified");
        }
        _ => {}
    }
}

fn check_families(spec: &Json, change: Change<'_>, errors: &mut FieldErrors) {
    let path = SPEC.child("ipFamilies");
    let families = spec.list("ipFamilies");
    for (i, family) in spec.texts("ipFamilies").enumerate() {
        if !FAMILIES.contains(&family) {
            errors.unsupported(&path.index(i), family, &FAMILIES);
        } else if families[..i].iter().any(|earlier| earlier == family) {
            errors.duplicate(&path.index(i), family, "");
        }
    }
    check_option(spec, "ipFamilyPolicy", &POLICIES, &SPEC, errors);
    let own = parse(change.network.service_cidr.split('/').next().unwrap_or_default());
    let own = if own.is_some_and(|address| address.is_ipv6()) { "IPv6" } else { "IPv4" };
    let headless = super::is_headless(spec);
    let selectorless = spec.map("selector").is_none_or(|selector| selector.is_empty());
    if headless && selectorless {
        return;
    }
    if spec.text("ipFamilyPolicy") == "RequireDualStack" {
        const DETAIL: &str = "this cluster is not configured for dual-stack services";
        errors.invalid(&SPEC.child("ipFamilyPolicy"), "RequireDualStack", DETAIL);
    }
    for (i, family) in spec.texts("ipFamilies").enumerate() {
        if FAMILIES.contains(&family) && family != own {
            errors.invalid(&path.index(i), family, "not configured on this cluster");
        }
    }
}

/// Checks addresses outside of the cluster that lead to the service.
pub(super) fn check_external(spec: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("externalIPs");
    for (i, text) in spec.texts("externalIPs").enumerate() {
        let before = errors.len();
        check_address(text, &path.index(i), errors);
        if errors.len() == before {
            check_ordinary(text, false, &path.index(i), errors);
        }
    }
}
