//! Services and EndpointSlices to the routing table of one node, as a pure function.
//!
//! Each service port becomes a route. Which of its endpoints take traffic depends on their
//! conditions, on the service's traffic policies and on where the node is.

mod choose;
mod endpoints;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_core::ObjectKey;
use orchestrator_core::proxy::{
    HealthCheck, Protocol, Route, RouteName, RoutingTable, TrafficPolicy,
};

use choose::choose;
use endpoints::{PortRef, endpoints_of};

/// The label by which a slice names its service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The label of services that another proxy cares for.
const OTHER_PROXY: &str = "service.kubernetes.io/service-proxy-name";

/// The label of services, and their slices, that have no address of their own.
const HEADLESS: &str = "service.kubernetes.io/headless";

/// How long a client keeps its endpoint unless the service says otherwise: three hours.
const DEFAULT_AFFINITY: Duration = Duration::from_secs(10_800);

/// Where the node is that the table is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeView {
    /// The node's name.
    pub name: String,
    /// The node's zone, from its label `topology.kubernetes.io/zone`; empty where it has none.
    pub zone: String,
}

/// The routing table of `node`.
///
/// Services without an address of their own (headless, external names) and those labelled for
/// another proxy have no routes; ports and addresses that cannot be read are left out.
pub fn routing_table(
    services: &[Arc<Service>],
    slices: &[Arc<EndpointSlice>],
    node: &NodeView,
) -> RoutingTable {
    let mut by_service: BTreeMap<ObjectKey, Vec<&EndpointSlice>> = BTreeMap::new();
    for slice in slices.iter().filter(|slice| !has_label(&slice.metadata, HEADLESS)) {
        if let Some(service) = label(&slice.metadata, SERVICE_NAME) {
            let namespace = slice.metadata.namespace.clone().unwrap_or_default();
            by_service.entry(ObjectKey::new(namespace, service)).or_default().push(slice);
        }
    }
    let mut table = RoutingTable::default();
    for service in services {
        let key = ObjectKey::new(
            service.metadata.namespace.clone().unwrap_or_default(),
            service.metadata.name.clone().unwrap_or_default(),
        );
        let slices = by_service.get(&key).map(Vec::as_slice).unwrap_or_default();
        add_service(&mut table, &key, service, slices, node);
    }
    table
}

fn add_service(
    table: &mut RoutingTable,
    key: &ObjectKey,
    service: &Service,
    slices: &[&EndpointSlice],
    node: &NodeView,
) {
    let Some(spec) = service.spec.as_ref().filter(|_| is_ours(&service.metadata)) else { return };
    let inside = cluster_addresses(spec);
    if inside.is_empty() || spec.type_.as_deref() == Some("ExternalName") {
        return;
    }
    let outside = outside_addresses(service, spec);
    let mut local_endpoints = 0;
    for port in spec.ports.iter().flatten() {
        let Some(mut route) = frontends(spec, port, &inside, &outside) else { continue };
        let name = port.name.clone().unwrap_or_default();
        let wanted = PortRef { name: &name, protocol: route.protocol };
        let candidates = endpoints_of(slices, wanted, &node.name);
        route.internal = choose(&candidates, route.internal_policy, node);
        route.external = choose(&candidates, route.external_policy, node);
        let local = candidates.iter().filter(|c| c.endpoint.local && c.endpoint.ready).count();
        local_endpoints = local_endpoints.max(local);
        route.endpoints = candidates.into_iter().map(|candidate| candidate.endpoint).collect();
        table.routes.insert(RouteName { service: key.clone(), port: name }, route);
    }
    if let Some(port) = health_check_port(spec) {
        table.health_checks.insert(key.clone(), HealthCheck { port, local_endpoints });
    }
}

/// A route without endpoints; `None` for a port that cannot be read.
fn frontends(
    spec: &ServiceSpec,
    port: &ServicePort,
    inside: &[IpAddr],
    outside: &[IpAddr],
) -> Option<Route> {
    let number = u16::try_from(port.port).ok().filter(|port| *port > 0)?;
    let at = |addresses: &[IpAddr]| -> Vec<SocketAddr> {
        addresses.iter().map(|ip| SocketAddr::new(*ip, number)).collect()
    };
    let node_port = port.node_port.and_then(|port| u16::try_from(port).ok());
    let has_node_ports = matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer"));
    let mut route = Route::default();
    route.protocol = Protocol::parse(port.protocol.as_deref())?;
    route.cluster = at(inside);
    route.outside = at(outside);
    route.node_port = node_port.filter(|port| *port > 0 && has_node_ports);
    route.affinity = affinity(spec);
    route.internal_policy = policy(spec.internal_traffic_policy.as_deref());
    route.external_policy = policy(spec.external_traffic_policy.as_deref());
    Some(route)
}

fn is_ours(meta: &ObjectMeta) -> bool {
    !has_label(meta, OTHER_PROXY) && !has_label(meta, HEADLESS)
}

fn label<'a>(meta: &'a ObjectMeta, name: &str) -> Option<&'a String> {
    meta.labels.as_ref()?.get(name)
}

fn has_label(meta: &ObjectMeta, name: &str) -> bool {
    label(meta, name).is_some()
}

/// The addresses inside the cluster; none for a headless service.
fn cluster_addresses(spec: &ServiceSpec) -> Vec<IpAddr> {
    let listed = spec.cluster_ips.as_deref().unwrap_or_default();
    let single = spec.cluster_ip.as_slice();
    let texts = if listed.is_empty() { single } else { listed };
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// External addresses, and those that a load balancer delivers unchanged.
fn outside_addresses(service: &Service, spec: &ServiceSpec) -> Vec<IpAddr> {
    let balancer = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.and_then(|balancer| balancer.ingress.as_ref());
    let delivered = ingress.into_iter().flatten().filter_map(|ingress| {
        let rewritten = ingress.ip_mode.as_deref() == Some("Proxy");
        ingress.ip.as_ref().filter(|_| !rewritten)
    });
    let texts = spec.external_ips.iter().flatten().chain(delivered);
    let mut addresses: Vec<IpAddr> = texts.filter_map(|text| text.parse().ok()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn affinity(spec: &ServiceSpec) -> Option<Duration> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return None;
    }
    let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds = config.and_then(|config| config.timeout_seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Some(seconds.map_or(DEFAULT_AFFINITY, Duration::from_secs))
}

fn policy(text: Option<&str>) -> TrafficPolicy {
    match text {
        Some("Local") => TrafficPolicy::Local,
        _ => TrafficPolicy::Cluster,
    }
}

fn health_check_port(spec: &ServiceSpec) -> Option<u16> {
    let local = policy(spec.external_traffic_policy.as_deref()) == TrafficPolicy::Local;
    let balanced = spec.type_.as_deref() == Some("LoadBalancer");
    let port = u16::try_from(spec.health_check_node_port?).ok()?;
    (local && balanced && port > 0).then_some(port)
}

#[cfg(test)]
mod tests;
