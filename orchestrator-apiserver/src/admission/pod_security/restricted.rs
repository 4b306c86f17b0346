//! The level `restricted`: the rules of `baseline`, and hardening that pods must ask for.

use orchestrator_core::Json;

use super::baseline;
use super::pod::{Pod, counted, quoted, sorted};
use super::{Check, Finding};

/// Types of volumes that give a pod nothing of its node.
const VOLUMES: &[&str] = &[
    "",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// The one capability that may be added.
const CAPABILITY: &str = "NET_BIND_SERVICE";

/// What breaks the level, in the order in which it is told.
pub(super) fn check(pod: &Pod<'_>) -> Vec<Finding> {
    let [before, after] = baseline::SHARED;
    let own: [&[Check]; 2] = [
        &[allow_privilege_escalation, baseline::app_armor, capabilities],
        &[volumes, run_as_non_root, run_as_user],
    ];
    // The filter of system calls stands between the rules about SELinux and kernel parameters.
    let (selinux, rest) = after.split_at(1);
    let order = [own[0], before, own[1], selinux, &[seccomp], rest];
    order.iter().flat_map(|checks| checks.iter()).filter_map(|check| check(pod)).collect()
}

fn allow_privilege_escalation(pod: &Pod<'_>) -> Option<Finding> {
    let off = |flag: Option<&Json>| flag == Some(&Json::Bool(false));
    let who = pod.those(|container| !off(container.security(&["allowPrivilegeEscalation"])))?;
    let detail = format!("{who} must set securityContext.allowPrivilegeEscalation=false");
    Some(("allowPrivilegeEscalation != false", detail))
}

fn capabilities(pod: &Pod<'_>) -> Option<Finding> {
    let (add, drop) = (["capabilities", "add"], ["capabilities", "drop"]);
    let keeps = pod.those(|container| !container.listed(&drop).any(|name| name == "ALL"));
    let adds = pod.those(|container| container.listed(&add).any(|name| name != CAPABILITY));
    let mut told = Vec::new();
    if let Some(who) = keeps {
        told.push(format!("{who} must set securityContext.capabilities.drop=[\"ALL\"]"));
    }
    if let Some(who) = adds {
        let all = pod.containers().flat_map(|container| container.listed(&add));
        let names = quoted(&sorted(all.filter(|name| *name != CAPABILITY)));
        told.push(format!("{who} must not include {names} in securityContext.capabilities.add"));
    }
    (!told.is_empty()).then(|| ("unrestricted capabilities", told.join("; ")))
}

fn volumes(pod: &Pod<'_>) -> Option<Finding> {
    let odd: Vec<(&str, &str)> =
        pod.volumes().filter(|(_, kind)| !VOLUMES.contains(kind)).collect();
    if odd.is_empty() {
        return None;
    }
    let names: Vec<&str> = odd.iter().map(|(name, _)| *name).collect();
    let kinds = sorted(odd.iter().map(|(_, kind)| *kind));
    let uses = if names.len() == 1 { "uses" } else { "use" };
    let volumes = counted("volume", &names);
    let detail = format!("{volumes} {uses} restricted {}", counted("volume type", &kinds));
    Some(("restricted volume types", detail))
}

fn run_as_non_root(pod: &Pod<'_>) -> Option<Finding> {
    const WHAT: &str = "runAsNonRoot != true";
    let path = ["runAsNonRoot"];
    if let Some(who) = pod.setters(&path, |flag| flag == Some(&Json::Bool(false))) {
        let detail = format!("{who} must not set securityContext.runAsNonRoot=false");
        return Some((WHAT, detail));
    }
    if pod.security(&path).is_some() {
        return None;
    }
    let who = pod.those(|container| container.security(&path).is_none())?;
    Some((WHAT, format!("pod or {who} must set securityContext.runAsNonRoot=true")))
}

fn run_as_user(pod: &Pod<'_>) -> Option<Finding> {
    let root = |user: Option<&Json>| user.and_then(Json::as_i64) == Some(0);
    let who = pod.setters(&["runAsUser"], root)?;
    Some(("runAsUser=0", format!("{who} must not set runAsUser=0")))
}

fn seccomp(pod: &Pod<'_>) -> Option<Finding> {
    if let Some(found) = baseline::seccomp(pod) {
        return Some(found);
    }
    let path = ["seccompProfile", "type"];
    if pod.security(&path).is_some() {
        return None;
    }
    let who = pod.those(|container| container.security(&path).is_none())?;
    let detail = format!(
        "pod or {who} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \
         \"Localhost\""
    );
    Some(("seccompProfile", detail))
}
