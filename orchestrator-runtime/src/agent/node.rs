//! The Node object: what a node says of itself.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeSpec, NodeStatus,
    NodeSystemInfo,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use orchestrator_core::runtime::RuntimeInfo;

use super::NodeConfig;

/// The version of the kubelet whose behaviour this agent has.
pub(super) const KUBELET_VERSION: &str = "v1.36.2";

/// The object that a node is registered with.
pub(super) fn node(config: &NodeConfig) -> Node {
    let arch = architecture();
    let mut labels: BTreeMap<String, String> = [
        ("kubernetes.io/hostname", config.name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", arch),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", arch),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    labels.extend(config.labels.clone());
    let annotation = ("volumes.kubernetes.io/controller-managed-attach-detach", "true");
    Node {
        metadata: ObjectMeta {
            name: Some(config.name.clone()),
            labels: Some(labels),
            annotations: Some([annotation].map(|(k, v)| (k.to_owned(), v.to_owned())).into()),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec {
            taints: Some(config.taints.clone()).filter(|taints| !taints.is_empty()),
            ..NodeSpec::default()
        }),
        status: None,
    }
}

/// The conditions: type, status, reason, message.
type Finding = (&'static str, &'static str, &'static str, &'static str);

/// What the node finds of itself; `pressure` tells which conditions of shortage hold.
fn findings(pressure: impl Fn(&str) -> bool) -> [Finding; 4] {
    let shortage = |short: Finding, enough: Finding| if pressure(short.0) { short } else { enough };
    let (memory, disk, pid) = ("MemoryPressure", "DiskPressure", "PIDPressure");
    [
        shortage(
            (
                memory,
                "True",
                "KubeletHasInsufficientMemory",
                "kubelet has insufficient memory available",
            ),
            (
                memory,
                "False",
                "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
            ),
        ),
        shortage(
            (disk, "True", "KubeletHasDiskPressure", "kubelet has disk pressure"),
            (disk, "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ),
        shortage(
            (pid, "True", "KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
            (pid, "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
}

/// The status of a node whose agent runs; conditions keep the time of their last change.
pub(super) fn status(
    config: &NodeConfig,
    runtime: &RuntimeInfo,
    before: Option<&NodeStatus>,
    now: Time,
    pressure: impl Fn(&str) -> bool,
) -> NodeStatus {
    let capacity: BTreeMap<String, Quantity> =
        config.capacity.iter().map(|(k, v)| (k.clone(), Quantity(v.clone()))).collect();
    let address = |kind: &str, address: String| NodeAddress { type_: kind.into(), address };
    let mut addresses: Vec<NodeAddress> =
        config.addresses.iter().map(|ip| address("InternalIP", ip.to_string())).collect();
    addresses.push(address("Hostname", config.name.clone()));
    let findings = findings(pressure);
    let known = before.and_then(|before| before.conditions.clone()).unwrap_or_default();
    let mut conditions: Vec<NodeCondition> = findings
        .map(|(kind, status, reason, message)| {
            let same = known.iter().find(|c| c.type_ == kind && c.status == status);
            let since = same.and_then(|c| c.last_transition_time.clone());
            NodeCondition {
                type_: kind.into(),
                status: status.into(),
                reason: Some(reason.into()),
                message: Some(message.into()),
                last_heartbeat_time: Some(now.clone()),
                last_transition_time: Some(since.unwrap_or_else(|| now.clone())),
            }
        })
        .into();
    let others = known.into_iter().filter(|c| findings.iter().all(|(kind, ..)| c.type_ != *kind));
    conditions.extend(others);
    NodeStatus {
        addresses: Some(addresses),
        allocatable: Some(capacity.clone()),
        capacity: Some(capacity),
        conditions: Some(conditions),
        daemon_endpoints: Some(NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint { port: i32::from(config.port) }),
        }),
        node_info: Some(system_info(&config.name, runtime)),
        ..before.cloned().unwrap_or_default()
    }
}

fn system_info(name: &str, runtime: &RuntimeInfo) -> NodeSystemInfo {
    // A simulated node has nothing of the host, so that it is the same everywhere.
    let read = |path: &str| match runtime.real {
        true => std::fs::read_to_string(path).unwrap_or_default().trim().to_owned(),
        false => name.to_owned(),
    };
    let machine_id = read("/etc/machine-id");
    NodeSystemInfo {
        architecture: architecture().into(),
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        container_runtime_version: format!("{}://{}", runtime.name, runtime.version),
        kernel_version: read("/proc/sys/kernel/osrelease"),
        kube_proxy_version: String::new(),
        kubelet_version: KUBELET_VERSION.into(),
        system_uuid: machine_id.clone(),
        machine_id,
        operating_system: "linux".into(),
        os_image: os_image(runtime),
        swap: None,
    }
}

fn os_image(runtime: &RuntimeInfo) -> String {
    let text = match runtime.real {
        true => std::fs::read_to_string("/etc/os-release").unwrap_or_default(),
        false => return "simulated".into(),
    };
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map(|name| name.trim_matches('"').to_owned()).unwrap_or_default()
}

/// The processor in Go's words, which labels use.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
