//! The level `baseline`: what is known to break out of a container is forbidden.

use orchestrator_core::Json;

use super::pod::{Pod, counted, quoted, sorted};
use super::{Check, Finding};

/// Capabilities that containers have anyway, or that give nothing away.
const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// SELinux types for containers.
const SELINUX_TYPES: &[&str] =
    &["", "container_engine_t", "container_init_t", "container_kvm_t", "container_t"];

/// Kernel parameters that belong to the pod alone.
const SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// The rules, in the order in which they are told.
const CHECKS: &[Check] = &[
    app_armor,
    capabilities,
    host_namespaces,
    host_path,
    host_ports,
    privileged,
    proc_mount,
    selinux,
    seccomp,
    sysctls,
    windows_host_process,
];

/// What breaks the level.
pub(super) fn check(pod: &Pod<'_>) -> Vec<Finding> {
    CHECKS.iter().filter_map(|check| check(pod)).collect()
}

/// The rules of this level that `restricted` does not replace by stricter ones: those before its
/// volumes in order, and those after.
pub(super) const SHARED: [&[Check]; 2] = [
    &[host_namespaces, host_ports, privileged, proc_mount],
    &[selinux, sysctls, windows_host_process],
];

pub(super) fn app_armor(pod: &Pod<'_>) -> Option<Finding> {
    let path = ["appArmorProfile", "type"];
    let who = pod.setters(&path, |kind| kind.is_some_and(|kind| kind == "Unconfined"))?;
    let detail = format!("{who} must not set AppArmor profile type to \"Unconfined\"");
    Some(("forbidden AppArmor profile", detail))
}

fn capabilities(pod: &Pod<'_>) -> Option<Finding> {
    let path = ["capabilities", "add"];
    let odd = |name: &&str| !CAPABILITIES.contains(name);
    let who = pod.those(|container| container.listed(&path).any(|name| odd(&name)))?;
    let all = pod.containers().flat_map(|container| container.listed(&path)).filter(odd);
    let names = quoted(&sorted(all));
    let detail = format!("{who} must not include {names} in securityContext.capabilities.add");
    Some(("non-default capabilities", detail))
}

fn host_namespaces(pod: &Pod<'_>) -> Option<Finding> {
    let flags = ["hostNetwork", "hostPID", "hostIPC"];
    let set = flags.iter().filter(|flag| pod.flag(flag)).map(|flag| format!("{flag}=true"));
    let set: Vec<String> = set.collect();
    (!set.is_empty()).then(|| ("host namespaces", set.join(", ")))
}

fn host_path(pod: &Pod<'_>) -> Option<Finding> {
    let names: Vec<&str> =
        pod.volumes().filter(|(_, kind)| *kind == "hostPath").map(|(name, _)| name).collect();
    (!names.is_empty()).then(|| ("hostPath volumes", counted("volume", &names)))
}

fn host_ports(pod: &Pod<'_>) -> Option<Finding> {
    let who = pod.those(|container| container.host_ports().next().is_some())?;
    let mut ports: Vec<String> =
        pod.containers().flat_map(|c| c.host_ports()).map(|port| port.to_string()).collect();
    ports.sort_unstable();
    ports.dedup();
    let uses = if who.starts_with("containers") { "use" } else { "uses" };
    let plural = if ports.len() == 1 { "" } else { "s" };
    Some(("hostPort", format!("{who} {uses} hostPort{plural} {}", ports.join(", "))))
}

fn privileged(pod: &Pod<'_>) -> Option<Finding> {
    let is = |flag: Option<&Json>| flag == Some(&Json::Bool(true));
    let who = pod.those(|container| is(container.security(&["privileged"])))?;
    Some(("privileged", format!("{who} must not set securityContext.privileged=true")))
}

fn proc_mount(pod: &Pod<'_>) -> Option<Finding> {
    let odd = |kind: Option<&Json>| kind.is_some_and(|kind| kind != "Default");
    let who = pod.those(|container| odd(container.security(&["procMount"])))?;
    let all = pod.containers().filter_map(|c| c.security(&["procMount"])?.as_str());
    let kinds = quoted(&sorted(all.filter(|kind| *kind != "Default")));
    Some(("procMount", format!("{who} must not set securityContext.procMount to {kinds}")))
}

fn selinux(pod: &Pod<'_>) -> Option<Finding> {
    let text = |options: &Json, name: &str| -> String {
        options.get(name).and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    let odd_type = |options: &Json| !SELINUX_TYPES.contains(&text(options, "type").as_str());
    let has = |options: &Json, name: &str| !text(options, name).is_empty();
    let path = ["seLinuxOptions"];
    let who = pod.setters(&path, |options| {
        options.is_some_and(|o| odd_type(o) || has(o, "user") || has(o, "role"))
    })?;
    let own = pod.security(&path);
    let all: Vec<&Json> =
        own.into_iter().chain(pod.containers().filter_map(|c| c.security(&path))).collect();
    let types: Vec<String> = all.iter().filter(|o| odd_type(o)).map(|o| text(o, "type")).collect();
    let types = sorted(types.iter().map(String::as_str));
    let mut told = Vec::new();
    if !types.is_empty() {
        told.push(counted("type", &types));
    }
    for name in ["user", "role"] {
        if all.iter().any(|options| has(options, name)) {
            told.push(format!("{name} may not be set"));
        }
    }
    let told = told.join("; ");
    let detail = format!("{who} set forbidden securityContext.seLinuxOptions: {told}");
    Some(("seLinuxOptions", detail))
}

/// Who turns the filter of system calls off, for this level and the stricter one.
pub(super) fn seccomp(pod: &Pod<'_>) -> Option<Finding> {
    let path = ["seccompProfile", "type"];
    let who = pod.setters(&path, |kind| kind.is_some_and(|kind| kind == "Unconfined"))?;
    let detail =
        format!("{who} must not set securityContext.seccompProfile.type to \"Unconfined\"");
    Some(("seccompProfile", detail))
}

fn sysctls(pod: &Pod<'_>) -> Option<Finding> {
    let list = pod.security(&["sysctls"]).and_then(Json::as_array);
    let names = list.into_iter().flatten().filter_map(|sysctl| sysctl.get("name")?.as_str());
    let odd: Vec<&str> = names.filter(|name| !SYSCTLS.contains(name)).collect();
    (!odd.is_empty()).then(|| ("forbidden sysctls", odd.join(", ")))
}

fn windows_host_process(pod: &Pod<'_>) -> Option<Finding> {
    let path = ["windowsOptions", "hostProcess"];
    let who = pod.setters(&path, |flag| flag == Some(&Json::Bool(true)))?;
    let detail = format!("{who} must not set securityContext.windowsOptions.hostProcess=true");
    Some(("hostProcess", detail))
}
