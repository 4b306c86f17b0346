//! The Endpoints of a service, from its pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service,
};
use orchestrator_client::KindExt;

use crate::backends::{
    HEADLESS_LABEL, addresses, hostname, is_headless, pod_reference, protocol, publishes_not_ready,
    service_ports, target_port,
};
use crate::workload::pods::{is_ready, node};

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";
/// How many addresses an Endpoints object holds at most; larger services need slices.
const CAPACITY: usize = 1000;
/// The annotation of an object that had to leave addresses out.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

/// Name, protocol, number and application protocol: what makes ports the same.
type PortKey = (String, String, i32, Option<String>);

/// The Endpoints that `service` shall have; `found` is what it has.
pub(super) fn desired(
    service: &Service,
    pods: &[Arc<Pod>],
    found: Option<&Endpoints>,
) -> Endpoints {
    let mut endpoints = found.cloned().unwrap_or_default();
    endpoints.metadata.namespace.clone_from(&service.metadata.namespace);
    endpoints.metadata.name.clone_from(&service.metadata.name);
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS_LABEL);
    if is_headless(service) {
        labels.insert(HEADLESS_LABEL.into(), String::new());
    }
    labels.insert(MANAGED_BY.into(), MANAGER.into());
    endpoints.metadata.labels = Some(labels);
    let mut subsets = subsets(service, pods);
    let annotations = endpoints.metadata.annotations.get_or_insert_default();
    match truncate(&mut subsets) {
        true => drop(annotations.insert(OVER_CAPACITY.into(), "truncated".into())),
        false => drop(annotations.remove(OVER_CAPACITY)),
    }
    if annotations.is_empty() {
        endpoints.metadata.annotations = None;
    }
    endpoints.subsets = Some(subsets).filter(|subsets| !subsets.is_empty());
    endpoints
}

/// The pods by the set of ports that they have: pods with the same ports share a subset.
fn subsets(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSubset> {
    let mut groups = BTreeMap::<BTreeSet<PortKey>, Vec<&Pod>>::new();
    for pod in pods.iter().filter(|pod| !pod.is_terminating()) {
        let ports: BTreeSet<_> = service_ports(service)
            .iter()
            .filter_map(|port| {
                let name = port.name.clone().unwrap_or_default();
                let number = target_port(pod, port)?;
                Some((name, protocol(port).to_owned(), number, port.app_protocol.clone()))
            })
            .collect();
        let portless = is_headless(service) && service_ports(service).is_empty();
        if !ports.is_empty() || portless {
            groups.entry(ports).or_default().push(pod);
        }
    }
    groups.into_iter().map(|(ports, pods)| subset(service, ports, &pods)).collect()
}

fn subset(service: &Service, ports: BTreeSet<PortKey>, pods: &[&Pod]) -> EndpointSubset {
    let is_up = |pod: &Pod| publishes_not_ready(service) || is_ready(pod);
    let list = |up: bool| {
        let mut list: Vec<EndpointAddress> = pods
            .iter()
            .filter(|pod| is_up(pod) == up)
            .filter_map(|pod| address(service, pod))
            .collect();
        list.sort_by(|a, b| (&a.ip, uid(a)).cmp(&(&b.ip, uid(b))));
        Some(list).filter(|list| !list.is_empty())
    };
    let ports = ports.into_iter().map(|(name, protocol, port, app_protocol)| EndpointPort {
        name: Some(name).filter(|name| !name.is_empty()),
        protocol: Some(protocol),
        port,
        app_protocol,
    });
    EndpointSubset {
        addresses: list(true),
        not_ready_addresses: list(false),
        ports: Some(ports.collect::<Vec<_>>()).filter(|ports| !ports.is_empty()),
    }
}

fn uid(address: &EndpointAddress) -> Option<&str> {
    address.target_ref.as_ref()?.uid.as_deref()
}

/// The pod's address of the service's first family.
fn address(service: &Service, pod: &Pod) -> Option<EndpointAddress> {
    let families = service.spec.as_ref().and_then(|spec| spec.ip_families.as_deref());
    let wants_v6 = families.and_then(<[_]>::first).is_some_and(|family| family == "IPv6");
    let ip = addresses(pod).into_iter().find(|ip| ip.contains(':') == wants_v6)?;
    Some(EndpointAddress {
        ip: ip.to_owned(),
        hostname: hostname(service, pod),
        node_name: Some(node(pod).to_owned()).filter(|node| !node.is_empty()),
        target_ref: Some(pod_reference(pod)),
    })
}

/// Leaves out addresses beyond the capacity, those that are not ready first; tells whether it did.
fn truncate(subsets: &mut Vec<EndpointSubset>) -> bool {
    let mut room = CAPACITY;
    let mut cut = false;
    let mut take = |list: &mut Option<Vec<EndpointAddress>>| {
        let Some(addresses) = list else { return };
        cut |= addresses.len() > room;
        addresses.truncate(room);
        room -= addresses.len();
        if addresses.is_empty() {
            *list = None;
        }
    };
    subsets.iter_mut().for_each(|subset| take(&mut subset.addresses));
    subsets.iter_mut().for_each(|subset| take(&mut subset.not_ready_addresses));
    subsets.retain(|subset| subset.addresses.is_some() || subset.not_ready_addresses.is_some());
    cut
}

/// Whether two Endpoints say the same.
pub(super) fn same(a: &Endpoints, b: &Endpoints) -> bool {
    let labels = |e: &Endpoints| e.metadata.labels.clone().unwrap_or_default();
    let annotations = |e: &Endpoints| e.metadata.annotations.clone().unwrap_or_default();
    let subsets = |e: &Endpoints| e.subsets.clone().unwrap_or_default();
    subsets(a) == subsets(b) && labels(a) == labels(b) && annotations(a) == annotations(b)
}

/// Whether this controller has made the object.
pub(super) fn is_ours(endpoints: &Endpoints) -> bool {
    endpoints.label(MANAGED_BY) == Some(MANAGER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::tests::{pod, service};
    use serde_json::json;

    fn show(endpoints: &Endpoints) -> Vec<String> {
        let list = |list: &Option<Vec<EndpointAddress>>| {
            list.iter().flatten().map(|a| a.ip.clone()).collect::<Vec<_>>().join(",")
        };
        let subsets = endpoints.subsets.iter().flatten();
        let word = |subset: &EndpointSubset| {
            let ports = subset.ports.iter().flatten().map(|port| port.port.to_string());
            let ports = ports.collect::<Vec<_>>().join(",");
            format!("{}|{}|{ports}", list(&subset.addresses), list(&subset.not_ready_addresses))
        };
        subsets.map(word).collect()
    }

    #[test]
    fn pods_with_the_same_ports_share_a_subset() {
        let pods = [
            pod("a", "192.0.2.2", true, 9999),
            pod("b", "192.0.2.1", true, 9999),
            pod("c", "192.0.2.3", false, 9999),
            pod("d", "192.0.2.4", true, 7777),
            pod("e", "192.0.2.5", true, 0),
        ];
        let pods = pods.map(Arc::new);
        let got = desired(&service(json!({})), &pods, None);
        let want =
            ["192.0.2.5||8080", "192.0.2.4||8080,7777", "192.0.2.1,192.0.2.2|192.0.2.3|8080,9999"];
        assert_eq!(show(&got), want);
        assert_eq!(got.metadata.labels.clone().unwrap()[MANAGED_BY], MANAGER);
        assert!(same(&got, &desired(&service(json!({})), &pods, Some(&got))));
        let all = desired(&service(json!({"publishNotReadyAddresses": true})), &pods[2..3], None);
        assert_eq!(show(&all), ["192.0.2.3||8080,9999"]);
    }

    #[test]
    fn a_headless_service_without_ports_has_addresses_and_a_label() {
        let service = service(json!({"clusterIP": "None", "ports": []}));
        let got = desired(&service, &[Arc::new(pod("a", "192.0.2.2", true, 0))], None);
        assert_eq!(show(&got), ["192.0.2.2||"]);
        assert_eq!(got.metadata.labels.unwrap()[HEADLESS_LABEL], "");
    }

    #[test]
    fn too_many_addresses_are_cut_off_with_a_note() {
        let pods: Vec<_> = (0..CAPACITY + 5)
            .map(|i| Arc::new(pod("p", &format!("198.18.{}.{}", i / 250, i % 250), i % 2 == 0, 0)))
            .collect();
        let got = desired(&service(json!({})), &pods, None);
        assert_eq!(got.metadata.annotations.clone().unwrap()[OVER_CAPACITY], "truncated");
        let subset = &got.subsets.clone().unwrap()[0];
        let ready = subset.addresses.as_ref().unwrap().len();
        assert_eq!(ready + subset.not_ready_addresses.as_ref().unwrap().len(), CAPACITY);
        assert_eq!(ready, CAPACITY.div_ceil(2) + 3);
        let fewer = desired(&service(json!({})), &pods[..1], Some(&got));
        assert_eq!(fewer.metadata.annotations, None);
    }
}
