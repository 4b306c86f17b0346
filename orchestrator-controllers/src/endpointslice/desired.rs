//! The endpoints that a service shall have, from its pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::{
    Endpoint, EndpointConditions, EndpointHints, EndpointPort, ForNode, ForZone,
};
use orchestrator_client::KindExt;

use super::plan::Group;
use crate::backends::{
    addresses, hostname, pod_reference, protocol, publishes_not_ready, service_ports, target_port,
};
use crate::workload::pods::{is_ready, node};

/// The pods by address type and ports. Each family of the service has at least one group, which
/// may be empty. `zone` tells the zone of a node.
pub(super) fn groups(
    service: &Service,
    pods: &[Arc<Pod>],
    zone: impl Fn(&str) -> Option<String>,
) -> Vec<Group> {
    families(service)
        .into_iter()
        .flat_map(|family| of_family(family, service, pods, &zone))
        .collect()
}

fn of_family(
    family: &str,
    service: &Service,
    pods: &[Arc<Pod>],
    zone: &impl Fn(&str) -> Option<String>,
) -> Vec<Group> {
    let empty = |ports| Group { address_type: family.into(), ports, endpoints: Vec::new() };
    let mut groups = BTreeMap::<Vec<PortKey>, Group>::new();
    for pod in pods {
        let is_v6 = family == "IPv6";
        let own = addresses(pod).into_iter().filter(|ip| ip.contains(':') == is_v6);
        let own: Vec<String> = own.map(str::to_owned).collect();
        if own.is_empty() {
            continue;
        }
        let ports = ports(service, pod);
        let group = groups.entry(ports.iter().map(port_key).collect());
        group.or_insert_with(|| empty(ports)).endpoints.push(endpoint(service, pod, own, zone));
    }
    if groups.is_empty() {
        return vec![empty(Vec::new())];
    }
    groups.into_values().collect()
}

/// The families of a service's addresses; IPv4 where it does not say.
fn families(service: &Service) -> Vec<&str> {
    let given = service.spec.as_ref().and_then(|spec| spec.ip_families.as_deref());
    match given.unwrap_or_default() {
        [] => vec!["IPv4"],
        families => families.iter().map(String::as_str).collect(),
    }
}

/// Number (greatest first), name, protocol: the order of ports in a slice, and what makes two
/// lists of ports the same.
type PortKey = (std::cmp::Reverse<i32>, String, String);

fn port_key(port: &EndpointPort) -> PortKey {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (std::cmp::Reverse(port.port.unwrap_or(0)), text(&port.name), text(&port.protocol))
}

/// The service's ports on one pod.
fn ports(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    let port = |port: &ServicePort| {
        Some(EndpointPort {
            name: Some(port.name.clone().unwrap_or_default()),
            port: Some(target_port(pod, port)?),
            protocol: Some(protocol(port).into()),
            app_protocol: port.app_protocol.clone(),
        })
    };
    let mut ports: Vec<_> = service_ports(service).iter().filter_map(port).collect();
    ports.sort_by_key(port_key);
    ports
}

fn endpoint(
    service: &Service,
    pod: &Pod,
    addresses: Vec<String>,
    zone: &impl Fn(&str) -> Option<String>,
) -> Endpoint {
    let (serving, terminating) = (is_ready(pod), pod.is_terminating());
    let ready = publishes_not_ready(service) || (serving && !terminating);
    let node = node(pod);
    Endpoint {
        addresses,
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hostname: hostname(service, pod),
        node_name: Some(node.to_owned()).filter(|node| !node.is_empty()),
        target_ref: Some(pod_reference(pod)),
        hints: ready.then(|| hints(service, node, zone(node))).flatten(),
        zone: zone(node),
        ..Endpoint::default()
    }
}

/// Who shall use an endpoint first, where its service wants traffic to stay near.
fn hints(service: &Service, node: &str, zone: Option<String>) -> Option<EndpointHints> {
    let wish = service.spec.as_ref()?.traffic_distribution.as_deref()?;
    let for_zones = zone.map(|name| vec![ForZone { name }]);
    match wish {
        "PreferClose" | "PreferSameZone" => {
            Some(EndpointHints { for_nodes: None, for_zones: Some(for_zones?) })
        }
        "PreferSameNode" if !node.is_empty() => {
            let for_nodes = Some(vec![ForNode { name: node.to_owned() }]);
            Some(EndpointHints { for_nodes, for_zones })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::tests::{pod, service};
    use serde_json::json;

    #[test]
    fn a_service_may_keep_traffic_near() {
        let of = |wish: &str, up: bool, zone: Option<&str>| {
            let service = service(json!({"trafficDistribution": wish}));
            let pods = [Arc::new(pod("a", "192.0.2.1", up, 80))];
            let groups = groups(&service, &pods, |_| zone.map(str::to_owned));
            let hints = groups[0].endpoints[0].hints.clone();
            hints.map(|hints| (hints.for_zones.is_some(), hints.for_nodes.is_some()))
        };
        assert_eq!(of("PreferClose", true, Some("z")), Some((true, false)));
        assert_eq!(of("PreferSameZone", true, None), None);
        assert_eq!(of("PreferSameNode", true, None), Some((false, true)));
        assert_eq!(of("PreferClose", false, Some("z")), None);
        assert_eq!(of("", true, Some("z")), None);
    }

    #[test]
    fn pods_are_grouped_by_family_and_ports_with_their_conditions() {
        let mut going = pod("c", "192.0.2.3", true, 9999);
        going.metadata.deletion_timestamp = Some(crate::clock::tests::at("2026-01-01T00:00:00Z"));
        let pods = [
            pod("a", "192.0.2.1", true, 9999),
            pod("b", "192.0.2.2", false, 9999),
            going,
            pod("d", "192.0.2.4", true, 7777),
            pod("e", "fd00::1", true, 9999),
        ];
        let pods = pods.map(Arc::new);
        let dual = service(json!({"ipFamilies": ["IPv4", "IPv6"]}));
        let groups = groups(&dual, &pods, |node| (node == "node").then(|| "z".to_owned()));
        let word = |group: &Group| {
            let ports = group.ports.iter().map(|port| port.port.unwrap().to_string());
            let endpoints = group.endpoints.iter().map(|endpoint| {
                let c = endpoint.conditions.clone().unwrap();
                let flag = |flag: Option<bool>, letter| if flag.unwrap() { letter } else { '-' };
                let flags = [flag(c.ready, 'r'), flag(c.serving, 's'), flag(c.terminating, 't')];
                format!("{}:{}", endpoint.addresses[0], String::from_iter(flags))
            });
            let (ports, endpoints): (Vec<_>, Vec<_>) = (ports.collect(), endpoints.collect());
            format!("{} {} {}", group.address_type, ports.join(","), endpoints.join(" "))
        };
        let got: Vec<_> = groups.iter().map(word).collect();
        let want = [
            "IPv4 9999,8080 192.0.2.1:rs- 192.0.2.2:--- 192.0.2.3:-st",
            "IPv4 8080,7777 192.0.2.4:rs-",
            "IPv6 9999,8080 fd00::1:rs-",
        ];
        assert_eq!(got, want);
        assert_eq!(groups[0].endpoints[0].zone.as_deref(), Some("z"));
        assert_eq!(super::groups(&dual, &[], |_| None).len(), 2);
    }
}
