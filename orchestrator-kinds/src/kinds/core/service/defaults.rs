//! Defaults of a service.

use orchestrator_core::object::Map;

use super::is_external;
use crate::fields::{Fields, Fill};

/// How long a client stays with its endpoint, in seconds.
const AFFINITY_S: i64 = 10800;

/// Fills in the spec of a service.
pub(super) fn fill(spec: &mut Map) {
    spec.fill_text("sessionAffinity", "None");
    if spec.text("sessionAffinity") == "None" {
        spec.remove("sessionAffinityConfig");
    } else if spec.text("sessionAffinity") == "ClientIP" {
        let config = spec.map_made("sessionAffinityConfig").map_made("clientIP");
        config.fill("timeoutSeconds", AFFINITY_S);
    }
    spec.fill_text("type", "ClusterIP");
    for port in spec.maps_of("ports") {
        fill_port(port);
    }
    let (external, kind) = (is_external(spec), spec.text("type").to_owned());
    if external {
        spec.fill_text("externalTrafficPolicy", "Cluster");
    }
    if matches!(&*kind, "ClusterIP" | "NodePort" | "LoadBalancer") {
        spec.fill("internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        spec.fill("allocateLoadBalancerNodePorts", true);
    }
}

fn fill_port(port: &mut Map) {
    port.fill_text("protocol", "TCP");
    let target = port.sub("targetPort");
    if target.is_null() || target == 0 || target == "" {
        let number = port.int("port").unwrap_or_default();
        port.insert("targetPort".into(), number.into());
    }
}

/// An address that a load balancer gave is reached as it is.
pub(super) fn fill_status(status: &mut Map) {
    for address in status.map_made("loadBalancer").maps_of("ingress") {
        if !address.text("ip").is_empty() {
            address.fill("ipMode", "VIP");
        }
    }
}
