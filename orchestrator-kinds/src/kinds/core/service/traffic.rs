//! How traffic reaches the pods of a service.

use orchestrator_core::field::FieldErrors;
use orchestrator_core::{Json, Object};

use super::{SPEC, is_external};
use crate::fields::Fields;
use crate::format::addresses::check_range;
use crate::format::labels::check_label_name;
use crate::format::numbers::check_port;
use crate::meta::METADATA;
use crate::pod::check::check_option;
use crate::report::Report;

const POLICIES: [&str; 2] = ["Cluster", "Local"];
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const ONLY_LOAD_BALANCER: &str = "may only be used when `type` is 'LoadBalancer'";
/// The longest that a client can stay with its endpoint: a day, in seconds.
const AFFINITY_MAX_S: i64 = 86400;

/// Checks whether and how long a client stays with its endpoint.
pub(super) fn check_affinity(spec: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("sessionAffinity");
    match spec.text("sessionAffinity") {
        "" => errors.required(&path, ""),
        "None" => {}
        "ClientIP" => {
            let seconds = spec
                .sub("sessionAffinityConfig")
                .sub("clientIP")
                .int("timeoutSeconds")
                .unwrap_or(0);
            if seconds <= 0 || seconds > AFFINITY_MAX_S {
                let path = SPEC.child("sessionAffinityConfig");
                let path = path.child("clientIP");
                let detail = format!("must be greater than 0 and less than {AFFINITY_MAX_S}");
                errors.invalid(&path.child("timeoutSeconds"), seconds, detail);
            }
        }
        other => errors.unsupported(&path, other, &["ClientIP", "None"]),
    }
}

/// Checks what only a service with a load balancer may say.
pub(super) fn check_load_balancer(service: &Object, errors: &mut FieldErrors) {
    let spec = service.sub("spec");
    let balanced = spec.text("type") == "LoadBalancer";
    check_sources(service, balanced, errors);
    let path = SPEC.child("allocateLoadBalancerNodePorts");
    match (balanced, spec.has("allocateLoadBalancerNodePorts")) {
        (false, true) => errors.forbidden(&path, ONLY_LOAD_BALANCER),
        (true, false) => errors.required(&path, ""),
        _ => {}
    }
    if let Some(class) = spec.sub("loadBalancerClass").as_str() {
        let path = SPEC.child("loadBalancerClass");
        match balanced {
            true => check_label_name(class, &path, errors),
            false => errors.forbidden(&path, ONLY_LOAD_BALANCER),
        }
    }
}

fn check_sources(service: &Object, balanced: bool, errors: &mut FieldErrors) {
    let spec = service.sub("spec");
    if !spec.list("loadBalancerSourceRanges").is_empty() {
        let path = SPEC.child("LoadBalancerSourceRanges");
        if !balanced {
            errors.forbidden(&path, ONLY_LOAD_BALANCER);
        }
        for (i, range) in spec.texts("loadBalancerSourceRanges").enumerate() {
            check_range(range.trim(), &path.index(i), errors);
        }
        return;
    }
    let Some(ranges) = service.annotation(SOURCE_RANGES) else { return };
    let path = METADATA.child("annotations");
    let path = path.key(SOURCE_RANGES);
    if !balanced {
        errors.forbidden(&path, ONLY_LOAD_BALANCER);
    }
    for range in ranges.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        check_range(range, &path, errors);
    }
}

/// Checks which pods traffic from outside and from inside may reach.
pub(super) fn check_policies(spec: &Json, errors: &mut FieldErrors) {
    let (policy, path) = (spec.text("externalTrafficPolicy"), SPEC.child("externalTrafficPolicy"));
    match (is_external(spec), policy) {
        (false, "") => {}
        (false, other) => {
            const DETAIL: &str = "may only be set for externally-accessible services";
            errors.invalid(&path, other, DETAIL);
        }
        (true, "") => errors.required(&path, ""),
        (true, other) if !POLICIES.contains(&other) => {
            errors.unsupported(&path, other, &POLICIES);
        }
        (true, _) => {}
    }
    let port = spec.int("healthCheckNodePort").unwrap_or_default();
    let path = SPEC.child("healthCheckNodePort");
    let checked = spec.text("type") == "LoadBalancer" && policy == "Local";
    if port != 0 && checked {
        check_port(port, &path, errors);
    } else if port != 0 {
        const DETAIL: &str = "may only be set when `type` is 'LoadBalancer' and \
                              `externalTrafficPolicy` is 'Local'";
        errors.invalid(&path, port, DETAIL);
    }
    check_option(spec, "internalTrafficPolicy", &POLICIES, &SPEC, errors);
    const DISTRIBUTIONS: [&str; 3] = ["PreferClose", "PreferSameZone", "PreferSameNode"];
    check_option(spec, "trafficDistribution", &DISTRIBUTIONS, &SPEC, errors);
}
