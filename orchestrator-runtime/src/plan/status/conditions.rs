//! The conditions of a pod: what is true of it, since when, and why it is not.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::{Role, View, members};
use super::phase::Phase;

/// A condition before it has a time.
struct Finding {
    kind: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

impl Finding {
    fn holds(kind: &'static str) -> Self {
        Self { kind, holds: true, reason: "", message: String::new() }
    }

    fn fails(kind: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind, holds: false, reason, message: message.into() }
    }
}

/// The agent's conditions, then those that others have set.
pub(super) fn conditions(view: View<'_>, phase: Phase, status: &PodStatus) -> Vec<PodCondition> {
    let before = view.pod.status.as_ref().and_then(|s| s.conditions.clone()).unwrap_or_default();
    let sandbox_ready = view.state.sandbox.as_ref().is_some_and(|sandbox| sandbox.ready);
    let containers_ready = containers_ready(view, phase, status);
    let findings = [
        Finding { holds: sandbox_ready, ..Finding::holds("PodReadyToStartContainers") },
        initialized(view, phase, status),
        ready(view, &containers_ready, &before),
        containers_ready,
        Finding::holds("PodScheduled"),
    ];
    let generation = view.pod.metadata.generation;
    let mut conditions: Vec<PodCondition> =
        findings.iter().map(|f| condition(f, &before, generation, view.now)).collect();
    let others = before.into_iter().filter(|b| findings.iter().all(|f| f.kind != b.type_));
    conditions.extend(others);
    conditions
}

/// The condition on the wire; its time is that of its last change of status.
fn condition(
    finding: &Finding,
    before: &[PodCondition],
    generation: Option<i64>,
    now: Timestamp,
) -> PodCondition {
    let status = if finding.holds { "True" } else { "False" };
    let same = before.iter().find(|b| b.type_ == finding.kind && b.status == status);
    let since = same.and_then(|b| b.last_transition_time.clone()).unwrap_or(Time(now));
    PodCondition {
        type_: finding.kind.into(),
        status: status.into(),
        reason: Some(finding.reason.to_owned()).filter(|reason| !reason.is_empty()),
        message: Some(finding.message.clone()).filter(|message| !message.is_empty()),
        last_transition_time: Some(since),
        last_probe_time: None,
        observed_generation: generation,
    }
}

fn initialized(view: View<'_>, phase: Phase, status: &PodStatus) -> Finding {
    const KIND: &str = "Initialized";
    if phase == Phase::Succeeded {
        return Finding { reason: "PodCompleted", ..Finding::holds(KIND) };
    }
    let statuses = status.init_container_statuses.as_deref().unwrap_or_default();
    let roles = members(view.pod).filter(|m| matches!(m.role, Role::Init | Role::Sidecar));
    let app_began = app_began(view);
    let incomplete: Vec<&str> = roles
        .zip(statuses)
        .filter(|(member, status)| match member.role {
            Role::Sidecar => status.started != Some(true),
            _ => !status.ready && !app_began,
        })
        .map(|(_, status)| status.name.as_str())
        .collect();
    if view.memory.rejection.is_some() || incomplete.is_empty() {
        return Finding::holds(KIND);
    }
    let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
    Finding::fails(KIND, "ContainersNotInitialized", message)
}

fn app_began(view: View<'_>) -> bool {
    members(view.pod).any(|m| m.role == Role::App && view.state.newest(m.name()).is_some())
}

fn containers_ready(view: View<'_>, phase: Phase, status: &PodStatus) -> Finding {
    const KIND: &str = "ContainersReady";
    match phase {
        Phase::Succeeded => return Finding::fails(KIND, "PodCompleted", ""),
        Phase::Failed => return Finding::fails(KIND, "PodFailed", ""),
        Phase::Pending | Phase::Running => {}
    }
    let init = status.init_container_statuses.as_deref().unwrap_or_default();
    let app = status.container_statuses.as_deref().unwrap_or_default();
    let sidecars = members(view.pod)
        .filter(|m| matches!(m.role, Role::Init | Role::Sidecar))
        .zip(init)
        .filter(|(member, _)| member.role == Role::Sidecar)
        .map(|(_, status)| status);
    let unready: Vec<&str> = sidecars
        .chain(app)
        .filter(|status: &&ContainerStatus| !status.ready)
        .map(|status| status.name.as_str())
        .collect();
    if unready.is_empty() {
        return Finding::holds(KIND);
    }
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    Finding::fails(KIND, "ContainersNotReady", message)
}

/// Ready: the containers are, and so say all readiness gates.
fn ready(view: View<'_>, containers: &Finding, before: &[PodCondition]) -> Finding {
    const KIND: &str = "Ready";
    if !containers.holds {
        return Finding::fails(KIND, containers.reason, containers.message.clone());
    }
    let gates = view.pod.spec.as_ref().and_then(|spec| spec.readiness_gates.as_deref());
    let closed: Vec<String> = gates
        .unwrap_or_default()
        .iter()
        .filter_map(|gate| closed_gate(&gate.condition_type, before))
        .collect();
    if closed.is_empty() {
        return Finding::holds(KIND);
    }
    Finding::fails(KIND, "ReadinessGatesNotReady", closed.join(", "))
}

/// Why a readiness gate is closed, if it is.
fn closed_gate(kind: &str, before: &[PodCondition]) -> Option<String> {
    match before.iter().find(|condition| condition.type_ == kind) {
        None => {
            Some(format!("corresponding condition of pod readiness gate {kind:?} does not exist."))
        }
        Some(condition) if condition.status != "True" => Some(format!(
            "the status of pod readiness gate {kind:?} is not \"True\", but {}",
            condition.status
        )),
        Some(_) => None,
    }
}
