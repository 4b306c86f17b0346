//! The pods behind a service: what the controllers of Endpoints and EndpointSlices share.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use orchestrator_client::{Informer, KindExt};
use orchestrator_core::controller::Change;
use orchestrator_core::{Item, ObjectKey};

use crate::workload::pods::{is_finished, is_ready, node};

/// The label by which a headless service's endpoints are told.
pub(crate) const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";

type Labels = BTreeMap<String, String>;

/// The selector of a service whose endpoints are ours to keep; `None` where somebody else keeps
/// them, or it has none.
pub(crate) fn selector(service: &Service) -> Option<&Labels> {
    let spec = service.spec.as_ref()?;
    let external = spec.type_.as_deref() == Some("ExternalName");
    spec.selector.as_ref().filter(|selector| !external && !selector.is_empty())
}

/// Whether a service's selector selects these labels.
fn selects(service: &Service, labels: Option<&Labels>) -> bool {
    selector(service).is_some_and(|selector| {
        let has = |(key, value)| labels.is_some_and(|labels| labels.get(key) == Some(value));
        selector.iter().all(has)
    })
}

/// The pods that a service selects and that have an address, in the order of their names.
pub(crate) fn pods(service: &Service, pods: &Informer<Pod>) -> Vec<std::sync::Arc<Pod>> {
    let mut all = pods.namespace(service.namespace());
    all.retain(|pod| {
        let selected = selects(service, pod.metadata.labels.as_ref());
        selected && !is_finished(pod) && !addresses(pod).is_empty()
    });
    all
}

/// The addresses of a pod.
pub(crate) fn addresses(pod: &Pod) -> Vec<&str> {
    let Some(status) = &pod.status else { return Vec::new() };
    let several = status.pod_ips.as_deref().unwrap_or_default();
    match several.is_empty() {
        true => status.pod_ip.as_deref().into_iter().filter(|ip| !ip.is_empty()).collect(),
        false => several.iter().map(|ip| ip.ip.as_str()).filter(|ip| !ip.is_empty()).collect(),
    }
}

/// The number behind a service's port on one pod; `None` where the pod has no such port.
pub(crate) fn target_port(pod: &Pod, port: &ServicePort) -> Option<i32> {
    match &port.target_port {
        None => Some(port.port),
        Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) if name.is_empty() => Some(port.port),
        Some(IntOrString::String(name)) => named_port(pod, name, protocol(port)),
    }
}

fn named_port(pod: &Pod, name: &str, protocol: &str) -> Option<i32> {
    let spec = pod.spec.as_ref()?;
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let containers = spec.containers.iter().chain(sidecars);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let is_named = |port: &&k8s_openapi::api::core::v1::ContainerPort| {
        port.name.as_deref() == Some(name) && port.protocol.as_deref().unwrap_or("TCP") == protocol
    };
    ports.find(is_named).map(|port| port.container_port)
}

/// The protocol of a service's port.
pub(crate) fn protocol(port: &ServicePort) -> &str {
    port.protocol.as_deref().unwrap_or("TCP")
}

/// The ports of a service.
pub(crate) fn service_ports(service: &Service) -> &[ServicePort] {
    service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default()
}

/// Whether a service has no address of its own.
pub(crate) fn is_headless(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.cluster_ip.as_deref() == Some("None"))
}

/// Whether a service names pods that are not ready.
pub(crate) fn publishes_not_ready(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.publish_not_ready_addresses == Some(true))
}

/// The host name of a pod, where the service is the pod's subdomain.
pub(crate) fn hostname(service: &Service, pod: &Pod) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let ours = spec.subdomain.as_deref() == Some(service.name());
    spec.hostname.clone().filter(|hostname| ours && !hostname.is_empty())
}

/// The reference from an endpoint to its pod.
pub(crate) fn pod_reference(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".into()),
        namespace: Some(pod.namespace().into()),
        name: Some(pod.name().into()),
        uid: Some(pod.uid().into()),
        ..ObjectReference::default()
    }
}

/// The services whose endpoints a change of a pod concerns: those that select it now or did.
pub(crate) fn services_of(services: &Informer<Service>, change: &Change) -> Vec<ObjectKey> {
    let typed = |item: &Option<Item>| item.as_ref().and_then(|item| item.typed::<Pod>().ok());
    let (old, new) = (typed(&change.old), typed(&change.new));
    if let (Some(old), Some(new)) = (&old, &new)
        && visible(old) == visible(new)
    {
        return Vec::new();
    }
    let Some(namespace) = old.as_ref().or(new.as_ref()).map(|pod| pod.namespace()) else {
        return Vec::new();
    };
    let all = services.namespace(namespace);
    let concerned = all.iter().filter(|service| {
        old.iter().chain(&new).any(|pod| selects(service, pod.metadata.labels.as_ref()))
    });
    concerned.map(|service| service.key()).collect()
}

/// What endpoints show of a pod.
fn visible(pod: &Pod) -> impl PartialEq + use<'_> {
    let spec = pod.spec.as_ref();
    (
        (addresses(pod), is_ready(pod), is_finished(pod), pod.is_terminating()),
        (
            node(pod),
            spec.and_then(|s| s.hostname.as_deref()),
            spec.and_then(|s| s.subdomain.as_deref()),
        ),
        (pod.metadata.labels.as_ref(), pod.uid()),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A service with a numbered and a named port.
    pub(crate) fn service(spec: Value) -> Service {
        let mut given = json!({"selector": {"a": "b"}, "ports": [
            {"port": 80, "targetPort": 8080, "name": "h"},
            {"port": 81, "targetPort": "named", "name": "n"}]});
        given.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let metadata = json!({"namespace": "ns", "name": "s", "uid": "u"});
        serde_json::from_value(json!({"metadata": metadata, "spec": given})).unwrap()
    }

    /// A running pod with an address; `named` is the number of its named port, 0 for none.
    pub(crate) fn pod(name: &str, ip: &str, ready: bool, named: i32) -> Pod {
        let ports =
            if named > 0 { json!([{"name": "named", "containerPort": named}]) } else { json!([]) };
        serde_json::from_value(json!({
            "metadata": {"namespace": "ns", "name": name, "uid": name, "labels": {"a": "b"}},
            "spec": {"nodeName": "node", "containers": [{"name": "c", "ports": ports}]},
            "status": {"podIP": ip, "phase": "Running", "conditions": [
                {"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        }))
        .unwrap()
    }

    #[test]
    fn ports_are_found_by_number_or_by_name_and_protocol() {
        let service = service(json!({}));
        let ports = service_ports(&service);
        let pod = pod("p", "192.0.2.1", true, 9999);
        assert_eq!(target_port(&pod, &ports[0]), Some(8080));
        assert_eq!(target_port(&pod, &ports[1]), Some(9999));
        let udp = ServicePort { protocol: Some("UDP".into()), ..ports[1].clone() };
        assert_eq!(target_port(&pod, &udp), None);
        let plain = ServicePort { target_port: None, ..ports[0].clone() };
        assert_eq!(target_port(&pod, &plain), Some(80));
    }

    #[test]
    fn services_without_selector_or_with_an_external_name_are_not_ours() {
        assert!(selector(&service(json!({}))).is_some());
        assert!(selector(&service(json!({"selector": {}}))).is_none());
        assert!(selector(&service(json!({"selector": null}))).is_none());
        assert!(selector(&service(json!({"type": "ExternalName"}))).is_none());
    }

    #[test]
    fn only_what_endpoints_show_counts_as_a_change() {
        let (a, b) = (pod("p", "192.0.2.1", true, 0), pod("p", "192.0.2.1", false, 0));
        let mut annotated = a.clone();
        annotated.metadata.annotations = Some([("x".to_owned(), "y".to_owned())].into());
        assert!(visible(&a) == visible(&annotated));
        assert!(visible(&a) != visible(&b));
    }
}
