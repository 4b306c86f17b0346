//! Translation: what the agent asks for, as CRI says it.

use std::path::Path;

use orchestrator_core::runtime::{
    ContainerConfig, Dns, Mount, PortMapping, Propagation, Resources, SandboxConfig, Seccomp,
    Security,
};

use super::facts::{self, ContainerFacts, PodName, SandboxFacts};
use super::table::Sandbox;
use crate::wire::cri;

/// What of the kernel's view a container does not see.
const MASKED: [&str; 11] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// What of it a container cannot write.
const READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Who runs in a container where nobody says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ImageUser {
    pub(super) uid: Option<i64>,
    pub(super) name: String,
}

/// A sandbox.
pub(super) fn sandbox(node: &str, pods: &Path, config: &SandboxConfig) -> cri::PodSandboxConfig {
    let facts = SandboxFacts::of(config);
    let security = cri::LinuxSandboxSecurityContext {
        namespace_options: Some(namespaces(&facts, None)),
        privileged: config.privileged,
        seccomp: None,
    };
    cri::PodSandboxConfig {
        metadata: Some(cri::PodSandboxMetadata {
            name: config.name.clone(),
            uid: config.uid.clone(),
            namespace: config.namespace.clone(),
            attempt: config.attempt,
        }),
        // With the node's network it has the node's name, which containerd knows.
        hostname: if config.host_network { String::new() } else { config.hostname.clone() },
        log_directory: pods.join(&config.uid).display().to_string(),
        dns_config: config.dns.as_ref().map(dns),
        port_mappings: config.ports.iter().map(port).collect(),
        labels: facts::sandbox_labels(node, config),
        annotations: facts::sandbox_annotations(&config.annotations, &facts),
        linux: Some(cri::LinuxPodSandboxConfig {
            cgroup_parent: config.cgroup_parent.clone(),
            security_context: Some(security),
            sysctls: config.sysctls.clone().into_iter().collect(),
        }),
    }
}

/// As much of a sandbox's configuration as its containers need.
pub(super) fn sandbox_again(
    pods: &Path,
    name: &PodName,
    sandbox: &Sandbox,
) -> cri::PodSandboxConfig {
    cri::PodSandboxConfig {
        metadata: Some(cri::PodSandboxMetadata {
            name: name.name.clone(),
            uid: name.uid.clone(),
            namespace: name.namespace.clone(),
            attempt: sandbox.attempt,
        }),
        log_directory: pods.join(&name.uid).display().to_string(),
        linux: Some(cri::LinuxPodSandboxConfig {
            cgroup_parent: sandbox.facts.cgroup_parent.clone(),
            ..cri::LinuxPodSandboxConfig::default()
        }),
        ..cri::PodSandboxConfig::default()
    }
}

fn dns(dns: &Dns) -> cri::DnsConfig {
    cri::DnsConfig {
        servers: dns.servers.clone(),
        searches: dns.searches.clone(),
        options: dns.options.clone(),
    }
}

fn port(port: &PortMapping) -> cri::PortMapping {
    let protocol = match port.protocol.as_str() {
        "UDP" => cri::Protocol::Udp,
        "SCTP" => cri::Protocol::Sctp,
        _ => cri::Protocol::Tcp,
    };
    cri::PortMapping {
        protocol: protocol.into(),
        container_port: port.container_port.into(),
        host_port: port.host_port.into(),
        host_ip: port.host_ip.map(|ip| ip.to_string()).unwrap_or_default(),
    }
}

/// The namespaces of a pod, or of a container that sees the processes of `target`.
fn namespaces(facts: &SandboxFacts, target: Option<&str>) -> cri::NamespaceOption {
    use cri::NamespaceMode::{Container, Node, Pod, Target};
    let pid = match target {
        _ if facts.has("host-pid") => Node,
        _ if facts.has("shared-pid") => Pod,
        Some(_) => Target,
        None => Container,
    };
    cri::NamespaceOption {
        network: if facts.host_network { Node } else { Pod }.into(),
        pid: pid.into(),
        ipc: if facts.has("host-ipc") { Node } else { Pod }.into(),
        target_id: target.filter(|_| pid == Target).unwrap_or_default().to_owned(),
    }
}

/// What a container is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewContainer<'a> {
    pub(super) node: &'a str,
    pub(super) pod: &'a PodName,
    pub(super) sandbox: &'a Sandbox,
    pub(super) config: &'a ContainerConfig,
    pub(super) facts: &'a ContainerFacts,
    pub(super) image: &'a str,
    pub(super) user: &'a ImageUser,
    /// The id of the container whose processes it sees.
    pub(super) target: Option<&'a str>,
}

/// A container.
pub(super) fn container(new: &NewContainer<'_>) -> cri::ContainerConfig {
    let NewContainer { config, facts, .. } = *new;
    let mut mounts: Vec<cri::Mount> = config.mounts.iter().map(mount).collect();
    let message = &config.termination_message_path;
    if !message.is_empty() && config.mounts.iter().all(|m| m.container_path != *message) {
        mounts.push(cri::Mount {
            container_path: message.clone(),
            host_path: facts.message().display().to_string(),
            ..cri::Mount::default()
        });
    }
    let key_value =
        |(key, value): &(String, String)| cri::KeyValue { key: key.clone(), value: value.clone() };
    let log = Path::new(&config.name).join(config.attempt.to_string()).join("log/current");
    cri::ContainerConfig {
        metadata: Some(cri::ContainerMetadata {
            name: config.name.clone(),
            attempt: config.attempt,
        }),
        image: Some(cri::ImageSpec { image: new.image.to_owned() }),
        command: config.command.clone(),
        args: config.args.clone(),
        working_dir: config.working_dir.clone(),
        envs: config.env.iter().map(key_value).collect(),
        mounts,
        labels: facts::container_labels(new.node, new.pod, &config.name),
        annotations: facts.annotations(),
        log_path: log.display().to_string(),
        stdin: config.stdin,
        stdin_once: config.stdin_once,
        tty: config.tty,
        linux: Some(cri::LinuxContainerConfig {
            resources: Some(resources(&config.resources)),
            security_context: Some(security(new)),
        }),
    }
}

fn mount(mount: &Mount) -> cri::Mount {
    let propagation = match mount.propagation {
        Propagation::Private => cri::MountPropagation::PropagationPrivate,
        Propagation::HostToContainer => cri::MountPropagation::PropagationHostToContainer,
        Propagation::Bidirectional => cri::MountPropagation::PropagationBidirectional,
    };
    cri::Mount {
        container_path: mount.container_path.clone(),
        host_path: mount.host_path.display().to_string(),
        readonly: mount.read_only,
        propagation: propagation.into(),
    }
}

/// What a container may use; CRI says nothing with a zero.
pub(super) fn resources(resources: &Resources) -> cri::LinuxContainerResources {
    let signed =
        |amount: Option<u64>| amount.map_or(0, |amount| i64::try_from(amount).unwrap_or(i64::MAX));
    cri::LinuxContainerResources {
        cpu_period: signed(resources.cpu_period_us),
        cpu_quota: resources.cpu_quota_us.unwrap_or_default(),
        cpu_shares: signed(resources.cpu_shares),
        memory_limit_in_bytes: signed(resources.memory_bytes),
        oom_score_adj: resources.oom_score_adj,
    }
}

fn security(new: &NewContainer<'_>) -> cri::LinuxContainerSecurityContext {
    let Security { privileged, unmasked_proc, .. } = new.config.security;
    let (security, who) = (&new.config.security, &new.config.credentials);
    let value = |id: u32| cri::Int64Value { value: id.into() };
    let own = who.user.map(value).or(new.user.uid.map(|value| cri::Int64Value { value }));
    let paths = |paths: &[&str]| match privileged || unmasked_proc {
        true => Vec::new(),
        false => paths.iter().map(|path| (*path).to_owned()).collect(),
    };
    cri::LinuxContainerSecurityContext {
        capabilities: Some(cri::Capability {
            add_capabilities: security.add_capabilities.clone(),
            drop_capabilities: security.drop_capabilities.clone(),
        }),
        privileged,
        namespace_options: Some(namespaces(&new.sandbox.facts, new.target)),
        run_as_username: match own {
            Some(_) => String::new(),
            None => new.user.name.clone(),
        },
        run_as_user: own,
        run_as_group: who.group.map(value),
        supplemental_groups: who.groups.iter().map(|group| i64::from(*group)).collect(),
        readonly_rootfs: security.read_only_root,
        no_new_privs: security.no_new_privileges,
        masked_paths: paths(&MASKED),
        readonly_paths: paths(&READ_ONLY),
        seccomp: Some(seccomp(&security.seccomp)),
    }
}

fn seccomp(seccomp: &Seccomp) -> cri::SecurityProfile {
    use cri::security_profile::ProfileType;
    let (kind, reference) = match seccomp {
        Seccomp::RuntimeDefault => (ProfileType::RuntimeDefault, ""),
        Seccomp::Localhost(path) => (ProfileType::Localhost, path.as_str()),
        _ => (ProfileType::Unconfined, ""),
    };
    cri::SecurityProfile { profile_type: kind.into(), localhost_ref: reference.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_on_the_nodes_network_has_the_nodes_name() {
        let mut config = SandboxConfig { hostname: "web".into(), ..SandboxConfig::default() };
        let own = sandbox("node", Path::new("/pods"), &config);
        config.host_network = true;
        config.namespaces.host_pid = true;
        let shared = sandbox("node", Path::new("/pods"), &config);
        assert_eq!((own.hostname.as_str(), shared.hostname.as_str()), ("web", ""));
        let options = |config: cri::PodSandboxConfig| {
            config.linux.unwrap().security_context.unwrap().namespace_options.unwrap()
        };
        let (own, shared) = (options(own), options(shared));
        assert_eq!(
            (own.network(), own.pid()),
            (cri::NamespaceMode::Pod, cri::NamespaceMode::Container)
        );
        assert_eq!(
            (shared.network(), shared.pid()),
            (cri::NamespaceMode::Node, cri::NamespaceMode::Node)
        );
    }

    #[test]
    fn a_target_counts_only_where_processes_are_not_shared_anyway() {
        let mut facts = SandboxFacts::default();
        let option = namespaces(&facts, Some("other"));
        assert_eq!((option.pid(), &*option.target_id), (cri::NamespaceMode::Target, "other"));
        facts.namespaces = vec!["shared-pid".into()];
        let option = namespaces(&facts, Some("other"));
        assert_eq!((option.pid(), &*option.target_id), (cri::NamespaceMode::Pod, ""));
    }
}
