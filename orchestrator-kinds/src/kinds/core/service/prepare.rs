//! Bringing a service into the state in which it is stored.

use orchestrator_core::object::Map;
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::is_headless;
use crate::fields::{Fields, Fill};

/// Prepares a service.
pub(super) fn prepare(new: &mut Object, old: Option<&Object>, change: Change<'_>) {
    prepare_spec_and_status(new, old, change.subresource);
    if change.subresource == "status" {
        return;
    }
    if let Some(old) = old {
        keep_allocated(new.map_mut("spec"), old.sub("spec"));
        drop_of_other_type(new.map_mut("spec"), old.sub("spec"));
    } else {
        new.set("status", json!({"loadBalancer": {}}));
    }
    normalize(new.map_mut("spec"), old.map(|old| old.sub("spec")));
    let primary = if change.network.service_cidr.contains(':') { "IPv6" } else { "IPv4" };
    fill_families(new.map_mut("spec"), primary);
}

fn has_address(kind: &str) -> bool {
    matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer")
}

fn has_node_ports(kind: &str) -> bool {
    matches!(kind, "NodePort" | "LoadBalancer")
}

/// Addresses and ports that were given out stay, where the client says nothing about them.
fn keep_allocated(spec: &mut Map, old: &Json) {
    let (kind, was) = (spec.text("type").to_owned(), old.text("type"));
    if has_address(&kind) && has_address(was) {
        if spec.text("clusterIP").is_empty() && old.has("clusterIP") {
            spec.insert("clusterIP".into(), old.sub("clusterIP").clone());
            if spec.list("clusterIPs").is_empty() && old.has("clusterIPs") {
                spec.insert("clusterIPs".into(), old.sub("clusterIPs").clone());
            }
        }
        for field in ["ipFamilies", "ipFamilyPolicy"] {
            if !spec.has(field) && old.has(field) {
                spec.insert(field.into(), old.sub(field).clone());
            }
        }
    }
    if has_node_ports(&kind) && has_node_ports(was) {
        for port in spec.maps_of("ports") {
            let key = |port: &Json| (port.text("protocol").to_owned(), port.int("port"));
            let mine = key(&Json::Object(port.clone()));
            let given = old.list("ports").iter().find(|other| key(other) == mine);
            if let Some(number) = given.and_then(|given| given.int("nodePort")) {
                port.fill_number("nodePort", number);
            }
        }
    }
    let local = kind == "LoadBalancer" && spec.text("externalTrafficPolicy") == "Local";
    if let Some(number) = old.int("healthCheckNodePort").filter(|_| local) {
        spec.fill_number("healthCheckNodePort", number);
    }
}

/// What the old type needed and the new one may not have goes away.
fn drop_of_other_type(spec: &mut Map, old: &Json) {
    let (kind, was) = (spec.text("type").to_owned(), old.text("type"));
    let same = |spec: &Map, field: &str| spec.sub(field) == old.sub(field);
    if kind == "ExternalName" && has_address(was) {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            if same(spec, field) {
                spec.remove(field);
            }
        }
    }
    if kind == "ClusterIP" && has_node_ports(was) {
        let unchanged = spec
            .list("ports")
            .iter()
            .zip(old.list("ports"))
            .all(|(new, old)| new.int("nodePort") == old.int("nodePort"));
        if unchanged {
            for port in spec.maps_of("ports") {
                port.remove("nodePort");
            }
        }
    }
    if kind != "LoadBalancer" && was == "LoadBalancer" {
        for field in ["healthCheckNodePort", "allocateLoadBalancerNodePorts", "loadBalancerClass"] {
            if same(spec, field) {
                spec.remove(field);
            }
        }
    }
    if !has_node_ports(&kind)
        && has_node_ports(was)
        && spec.list("externalIPs").is_empty()
        && same(spec, "externalTrafficPolicy")
    {
        spec.remove("externalTrafficPolicy");
    }
}

/// The first address has a field of its own.
fn normalize(spec: &mut Map, old: Option<&Json>) {
    let first = spec.text("clusterIP").to_owned();
    let listed = spec.texts("clusterIPs").next().unwrap_or_default().to_owned();
    let unchanged = old.is_some_and(|old| spec.sub("clusterIPs") == old.sub("clusterIPs"));
    let was = old.map_or("", |old| old.text("clusterIP"));
    if first.is_empty() && !was.is_empty() && unchanged {
        spec.remove("clusterIPs");
    } else if !first.is_empty() && (listed.is_empty() || (first != was && unchanged)) {
        spec.insert("clusterIPs".into(), json!([first]));
    }
}

/// Which families a service has addresses of; the cluster has one.
fn fill_families(spec: &mut Map, primary: &str) {
    if !has_address(spec.text("type")) {
        return;
    }
    let selectorless = spec.map("selector").is_none_or(|selector| selector.is_empty());
    let other = if primary == "IPv4" { "IPv6" } else { "IPv4" };
    if is_headless(spec) && selectorless {
        // Whoever makes its endpoints knows which families they have.
        if !spec.has("ipFamilyPolicy") && spec.list("ipFamilies").is_empty() {
            spec.insert("ipFamilies".into(), json!([primary, other]));
        }
        spec.fill("ipFamilyPolicy", "RequireDualStack");
        return;
    }
    spec.fill("ipFamilyPolicy", "SingleStack");
    if spec.list("ipFamilies").is_empty() {
        let first = spec.texts("clusterIPs").next().unwrap_or_default();
        let family = match first.contains(':') {
            true => "IPv6",
            false if first.contains('.') => "IPv4",
            false => primary,
        };
        let families = json!([family]);
        spec.insert("ipFamilies".into(), families);
    }
}
