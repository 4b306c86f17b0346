//! Isolation: what sets a pod apart from its node, and its containers from each other, as functions
//! of the pod's object and of what the node is.

mod dns;
mod hosts;
mod resources;
mod security;

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use orchestrator_client::KindExt;
use orchestrator_core::runtime::{ContainerConfig, Namespaces, PortMapping, SandboxConfig};

use crate::agent::NodeConfig;
use crate::plan::{members, qos_class};

pub use hosts::hosts;

/// The longest host name that the kernel takes.
const LONGEST_HOSTNAME: usize = 63;

/// Says how the sandbox of a pod is set apart.
pub fn sandbox(pod: &Pod, node: &NodeConfig, config: &mut SandboxConfig) {
    let spec = pod.spec.clone().unwrap_or_default();
    config.hostname = hostname(pod, node);
    config.namespaces = Namespaces {
        host_pid: spec.host_pid == Some(true),
        host_ipc: spec.host_ipc == Some(true),
        shared_pid: spec.share_process_namespace == Some(true),
    };
    config.dns = Some(dns::dns(pod, node));
    config.sysctls = security::sysctls(&spec);
    config.privileged = members(pod).any(|member| {
        let security = member.spec.security_context.as_ref();
        security.is_some_and(|security| security.privileged == Some(true))
    });
    if !config.host_network {
        config.ports = ports(&spec);
    }
    config.cgroup_parent = group(pod, node);
    config.resources = resources::of_pod(pod);
}

/// Says how a container is set apart.
pub fn container(
    pod: &Pod,
    container: &Container,
    node: &NodeConfig,
    config: &mut ContainerConfig,
) {
    config.security = security::of_container(pod, container, node);
    config.resources = resources::of_container(pod, container, node);
    let spec = pod.spec.as_ref();
    let joined = spec.and_then(|spec| spec.ephemeral_containers.as_deref()).unwrap_or_default();
    let own = joined.iter().find(|joined| joined.name == container.name);
    config.target = own.and_then(|own| own.target_container_name.clone()).unwrap_or_default();
}

/// The control group of a pod, below that of its class.
pub fn group(pod: &Pod, node: &NodeConfig) -> String {
    let root = node.cgroup_root.trim_end_matches('/');
    let uid = pod.uid();
    match qos_class(pod) {
        "Guaranteed" => format!("{root}/pod{uid}"),
        class => format!("{root}/{}/pod{uid}", class.to_ascii_lowercase()),
    }
}

fn hostname(pod: &Pod, node: &NodeConfig) -> String {
    let spec = pod.spec.as_ref();
    let given = spec.and_then(|spec| spec.hostname.clone()).filter(|name| !name.is_empty());
    let mut name = given.unwrap_or_else(|| pod.name().to_owned());
    name.truncate(LONGEST_HOSTNAME);
    let name = name.trim_end_matches(['-', '.']).to_owned();
    let whole = spec.is_some_and(|spec| spec.set_hostname_as_fqdn == Some(true));
    match domain(pod, node).filter(|_| whole) {
        Some(domain) => format!("{name}.{domain}"),
        None => name,
    }
}

/// The domain of a pod that has one.
fn domain(pod: &Pod, node: &NodeConfig) -> Option<String> {
    let subdomain = pod.spec.as_ref()?.subdomain.as_deref().filter(|name| !name.is_empty())?;
    Some(format!("{subdomain}.{}.svc.{}", pod.namespace(), node.cluster_domain))
}

fn ports(spec: &PodSpec) -> Vec<PortMapping> {
    let init = spec.init_containers.iter().flatten();
    let init = init.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let ports = init.chain(&spec.containers).flat_map(|container| container.ports.iter().flatten());
    ports
        .filter_map(|port| {
            Some(PortMapping {
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".into()),
                container_port: u16::try_from(port.container_port).ok()?,
                host_port: u16::try_from(port.host_port?).ok().filter(|port| *port > 0)?,
                host_ip: port.host_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok()),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(spec: Value) -> Pod {
        let meta = json!({"name": "web", "namespace": "shop", "uid": "u"});
        serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap()
    }

    #[test]
    fn a_pod_is_in_the_group_of_its_class() {
        let node = NodeConfig::new("n", "/v");
        let limits = json!({"cpu": "1", "memory": "1Gi"});
        let cases = [
            (json!({}), "/kubepods/besteffort/podu"),
            (json!({"requests": {"cpu": "1"}}), "/kubepods/burstable/podu"),
            (json!({"limits": limits}), "/kubepods/podu"),
        ];
        for (resources, expected) in cases {
            let pod = pod(json!({"containers": [{"name": "a", "resources": resources}]}));
            assert_eq!(group(&pod, &node), expected);
        }
    }

    #[test]
    fn a_pod_has_its_own_name_or_the_one_in_its_domain() {
        let node = NodeConfig::new("n", "/v");
        let name = |spec| hostname(&pod(spec), &node);
        assert_eq!(name(json!({"containers": []})), "web");
        assert_eq!(name(json!({"containers": [], "hostname": "front"})), "front");
        let whole = json!({"containers": [], "subdomain": "s", "setHostnameAsFQDN": true});
        assert_eq!(name(whole), "web.s.shop.svc.cluster.local");
    }

    #[test]
    fn only_ports_of_the_node_are_mapped() {
        let ports = json!([{"containerPort": 80}, {"containerPort": 53, "hostPort": 5353,
            "protocol": "UDP", "hostIP": "127.0.0.1"}]);
        let spec = json!({"containers": [{"name": "a", "ports": ports}]});
        let mut config = SandboxConfig::default();
        sandbox(&pod(spec), &NodeConfig::new("n", "/v"), &mut config);
        assert_eq!(config.ports.len(), 1);
        let port = &config.ports[0];
        assert_eq!(
            (port.protocol.as_str(), port.container_port, port.host_port),
            ("UDP", 53, 5353)
        );
        assert_eq!(port.host_ip, Some(IpAddr::from([127, 0, 0, 1])));
    }
}
