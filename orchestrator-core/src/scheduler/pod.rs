//! A pod as the scheduler sees it: what it needs, read from the object once.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodSpec};

use super::affinity::PodAffinity;
use super::resources::{self, Amounts, Resources};
use crate::ObjectKey;

/// What a container without a CPU request counts as when nodes are compared: 0.1 CPU.
const DEFAULT_CPU: &str = "100m";

/// What a container without a memory request counts as when nodes are compared: 200 MiB.
const DEFAULT_MEMORY: &str = "200Mi";

/// The wildcard address of a host port.
const ANY_ADDRESS: &str = "0.0.0.0";

/// What tells one pod from another: its uid, or namespace and name where it has none yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodId(Arc<str>);

impl PodId {
    /// The identity of `pod`.
    pub fn of(pod: &Pod) -> Self {
        match pod.metadata.uid.as_deref() {
            Some(uid) if !uid.is_empty() => Self(Arc::from(uid)),
            _ => Self(Arc::from(key_of(pod).to_string())),
        }
    }
}

impl fmt::Display for PodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A port of the host that a pod takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The address; `0.0.0.0` for all.
    pub address: String,
    /// The port.
    pub port: i32,
}

impl HostPort {
    /// Whether the two cannot be taken on one host.
    pub fn conflicts(&self, other: &Self) -> bool {
        let addresses_meet = self.address == other.address
            || self.address == ANY_ADDRESS
            || other.address == ANY_ADDRESS;
        self.port == other.port && self.protocol == other.protocol && addresses_meet
    }
}

/// A pod and what scheduling needs to know of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PodInfo {
    /// Its identity.
    pub id: PodId,
    /// Namespace and name.
    pub key: ObjectKey,
    /// The object.
    pub pod: Arc<Pod>,
    /// `spec.priority`.
    pub priority: i32,
    /// What it asks for.
    pub requests: Resources,
    /// The same with a default for containers that ask for no CPU or memory, so that a node full
    /// of such pods does not look empty.
    pub scoring_requests: Resources,
    /// The host ports it takes.
    pub ports: Vec<HostPort>,
    /// What it wants of the pods around it; `None` where it wants nothing.
    pub affinity: Option<Box<PodAffinity>>,
}

impl PodInfo {
    /// Reads `pod`.
    pub fn new(pod: Arc<Pod>) -> Self {
        let empty = PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&empty);
        let (requests, scoring_requests) = requests(&pod, spec);
        Self {
            id: PodId::of(&pod),
            key: key_of(&pod),
            priority: spec.priority.unwrap_or_default(),
            requests,
            scoring_requests,
            ports: host_ports(spec),
            affinity: PodAffinity::new(
                spec.affinity.as_ref(),
                pod.metadata.namespace.as_deref().unwrap_or_default(),
            ),
            pod,
        }
    }

    /// The pod's spec; `None` for an object without one, which asks for nothing.
    pub fn spec(&self) -> Option<&PodSpec> {
        self.pod.spec.as_ref()
    }

    /// The pod's labels.
    pub fn labels(&self) -> &std::collections::BTreeMap<String, String> {
        static NONE: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
        self.pod.metadata.labels.as_ref().unwrap_or(&NONE)
    }

    /// Whether the pod is on its way out.
    pub fn is_terminating(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    /// Whether the pod has ended, so that it takes no room.
    pub fn is_finished(&self) -> bool {
        let phase = self.pod.status.as_ref().and_then(|status| status.phase.as_deref());
        matches!(phase, Some("Succeeded" | "Failed"))
    }

    /// The node that the pod is bound to; empty where it is not.
    pub fn node_name(&self) -> &str {
        self.spec().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
    }

    /// The node on which the pod was promised room.
    pub fn nominated_node(&self) -> Option<&str> {
        let node = self.pod.status.as_ref()?.nominated_node_name.as_deref();
        node.filter(|node| !node.is_empty())
    }

    /// The scheduler that the pod asks for.
    pub fn scheduler_name(&self) -> &str {
        let name = self.spec().and_then(|spec| spec.scheduler_name.as_deref());
        name.filter(|name| !name.is_empty()).unwrap_or("default-scheduler")
    }
}

fn key_of(pod: &Pod) -> ObjectKey {
    let meta = &pod.metadata;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    ObjectKey::new(text(&meta.namespace), text(&meta.name))
}

/// Whether an init container runs beside the others until the pod ends.
fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let sidecars = spec.init_containers.iter().flatten().filter(|c| is_sidecar(c));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter().flatten());
    let or = |text: &Option<String>, default: &str| match text.as_deref() {
        None | Some("") => default.to_owned(),
        Some(text) => text.to_owned(),
    };
    ports
        .filter_map(|port| {
            Some(HostPort {
                port: port.host_port.filter(|port| *port > 0)?,
                protocol: or(&port.protocol, "TCP"),
                address: or(&port.host_ip, ANY_ADDRESS),
            })
        })
        .collect()
}

/// What the pod asks for: exactly, and with defaults for what it leaves out.
fn requests(pod: &Pod, spec: &PodSpec) -> (Resources, Resources) {
    let exact = pod_amounts(pod, spec, &Amounts::new());
    let pod_level = resources::amounts(spec.resources.as_ref().and_then(|r| r.requests.as_ref()));
    let mut defaults = Amounts::new();
    for (name, amount) in [("cpu", DEFAULT_CPU), ("memory", DEFAULT_MEMORY)] {
        // Where the pod as a whole states its needs, its containers' silence means nothing.
        let stated = !pod_level.is_empty() && exact.get(name).is_some_and(|q| !q.is_zero());
        if !stated {
            defaults.insert(name.into(), amount.parse().expect("a valid quantity"));
        }
    }
    (Resources::new(&exact), Resources::new(&pod_amounts(pod, spec, &defaults)))
}

/// The most that the pod needs at any time of its life.
///
/// Init containers run one after the other, before the containers, which run together; sidecars
/// run from their turn on. What the pod states as a whole replaces the sum of its containers.
fn pod_amounts(pod: &Pod, spec: &PodSpec, defaults: &Amounts) -> Amounts {
    let status = pod.status.as_ref();
    let of = |container: &Container, statuses: Option<&Vec<ContainerStatus>>| {
        let status = statuses.into_iter().flatten().find(|status| status.name == container.name);
        let mut amounts = container_amounts(container, status, resize_is_infeasible(pod));
        for (name, amount) in defaults {
            amounts.entry(name.clone()).or_insert(*amount);
        }
        amounts
    };
    let mut running = Amounts::new();
    for container in &spec.containers {
        let statuses = status.and_then(|s| s.container_statuses.as_ref());
        resources::add(&mut running, &of(container, statuses));
    }
    let (mut starting, mut sidecars) = (Amounts::new(), Amounts::new());
    for container in spec.init_containers.iter().flatten() {
        let mut own = of(container, status.and_then(|s| s.init_container_statuses.as_ref()));
        if is_sidecar(container) {
            resources::add(&mut running, &own);
            resources::add(&mut sidecars, &own);
            own = sidecars.clone();
        } else {
            resources::add(&mut own, &sidecars);
        }
        resources::raise(&mut starting, &own);
    }
    resources::raise(&mut running, &starting);
    let whole = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    for (name, amount) in resources::amounts(whole) {
        if matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-") {
            running.insert(name, amount);
        }
    }
    resources::add(&mut running, &resources::amounts(spec.overhead.as_ref()));
    running
}

/// What one container needs: while a resize is under way, the most of old and new.
fn container_amounts(
    container: &Container,
    status: Option<&ContainerStatus>,
    resize_is_infeasible: bool,
) -> Amounts {
    let asked = container.resources.as_ref().and_then(|r| r.requests.as_ref());
    let mut amounts = resources::amounts(asked);
    let Some(status) = status else { return amounts };
    let actual = status.resources.as_ref().and_then(|r| r.requests.as_ref());
    if actual.is_none() && status.allocated_resources.is_none() {
        return amounts;
    }
    if resize_is_infeasible {
        amounts.clear();
    }
    resources::raise(&mut amounts, &resources::amounts(actual));
    resources::raise(&mut amounts, &resources::amounts(status.allocated_resources.as_ref()));
    amounts
}

fn resize_is_infeasible(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| {
        condition.type_ == "PodResizePending" && condition.reason.as_deref() == Some("Infeasible")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn info(spec: Value) -> PodInfo {
        let pod = json!({"metadata": {"name": "p", "namespace": "n"}, "spec": spec});
        PodInfo::new(Arc::new(serde_json::from_value(pod).unwrap()))
    }

    fn container(cpu: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn a_pod_needs_the_most_that_it_needs_at_any_time() {
        let sidecar = |cpu: &str| {
            let mut container = container(cpu);
            container["restartPolicy"] = json!("Always");
            container
        };
        for (init, containers, cpu_milli) in [
            (json!([]), json!([container("1"), container("2")]), 3000),
            (json!([container("5")]), json!([container("1")]), 5000),
            (json!([sidecar("1")]), json!([container("1")]), 2000),
            (json!([sidecar("1"), container("5")]), json!([container("1")]), 6000),
            (json!([container("5"), sidecar("1")]), json!([container("1")]), 5000),
        ] {
            let pod = info(json!({"initContainers": init, "containers": containers}));
            assert_eq!(pod.requests.cpu_milli, cpu_milli, "{init} {containers}");
        }
    }

    #[test]
    fn overhead_adds_and_pod_level_requests_replace() {
        let pod = info(json!({
            "containers": [container("1")], "overhead": {"cpu": "250m"},
            "resources": {"requests": {"cpu": "3"}}
        }));
        assert_eq!(pod.requests.cpu_milli, 3250);
    }

    #[test]
    fn silence_counts_as_a_little_when_nodes_are_compared() {
        let pod = info(json!({"containers": [{"name": "a"}, {"name": "b"}]}));
        assert_eq!(pod.requests, Resources::default());
        assert_eq!(pod.scoring_requests.cpu_milli, 200);
        assert_eq!(pod.scoring_requests.memory, 2 * 200 * 1024 * 1024);
    }

    #[test]
    fn host_ports_conflict_on_equal_or_wildcard_addresses() {
        let port = |address: &str, protocol: &str| HostPort {
            protocol: protocol.into(),
            address: address.into(),
            port: 80,
        };
        assert!(port("0.0.0.0", "TCP").conflicts(&port("10.0.0.1", "TCP")));
        assert!(!port("10.0.0.2", "TCP").conflicts(&port("10.0.0.1", "TCP")));
        assert!(!port("0.0.0.0", "UDP").conflicts(&port("0.0.0.0", "TCP")));
        let pod = info(json!({"containers": [{"name": "a", "ports": [
            {"containerPort": 1}, {"containerPort": 1, "hostPort": 80, "hostIP": ""}
        ]}]}));
        assert_eq!(pod.ports, [port("0.0.0.0", "TCP")]);
    }
}
