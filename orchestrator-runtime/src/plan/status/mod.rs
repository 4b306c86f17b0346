//! The status of a pod, as a pure function of the same view as the plan.

mod conditions;
mod container;
mod phase;
mod qos;

use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{HostIP, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Goal, Role, Setback, View, goal, members};
use crate::plan::goal::Ending;

pub use qos::qos_class;

use phase::Phase;

/// What a status says about the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// The node's addresses.
    pub host_ips: Vec<IpAddr>,
    /// The name of the runtime: the scheme of container ids.
    pub runtime: &'static str,
}

/// The status of the pod.
pub fn status(view: View<'_>, node: &NodeFacts) -> PodStatus {
    let before = view.pod.status.clone().unwrap_or_default();
    let mut by_role = ByRole::default();
    for member in members(view.pod) {
        let status = container::status(view, &member, node.runtime);
        match member.role {
            Role::Init | Role::Sidecar => by_role.init.push(status),
            Role::App => by_role.app.push(status),
            Role::Ephemeral => by_role.ephemeral.push(status),
        }
    }
    let (phase, reason, message) = verdict(view, &before, &by_role);
    let ips = pod_ips(view, node, &before);
    let host_ips: Vec<HostIP> =
        node.host_ips.iter().map(|ip| HostIP { ip: ip.to_string() }).collect();
    let mut status = PodStatus {
        phase: Some(phase.as_str().into()),
        reason,
        message,
        host_ip: host_ips.first().map(|host| host.ip.clone()),
        host_ips: some(host_ips),
        pod_ip: ips.first().map(|pod| pod.ip.clone()),
        pod_ips: some(ips),
        start_time: before.start_time.clone().or(view.memory.start_time.map(Time)),
        qos_class: before.qos_class.clone().or_else(|| Some(qos_class(view.pod).into())),
        observed_generation: view.pod.metadata.generation,
        init_container_statuses: some(by_role.init),
        container_statuses: some(by_role.app),
        ephemeral_container_statuses: some(by_role.ephemeral),
        ..before
    };
    // A pod that the node did not take has no container statuses, as nothing of it was tried.
    if view.memory.rejection.is_some() && view.state.sandbox.is_none() {
        status.init_container_statuses = None;
        status.container_statuses = None;
        status.ephemeral_container_statuses = None;
    }
    status.conditions = Some(conditions::conditions(view, phase, &status));
    status
}

/// The statuses of a pod's containers.
#[derive(Default)]
struct ByRole {
    init: Vec<k8s_openapi::api::core::v1::ContainerStatus>,
    app: Vec<k8s_openapi::api::core::v1::ContainerStatus>,
    ephemeral: Vec<k8s_openapi::api::core::v1::ContainerStatus>,
}

/// Phase, reason and message.
fn verdict(
    view: View<'_>,
    before: &PodStatus,
    by_role: &ByRole,
) -> (Phase, Option<String>, Option<String>) {
    if let Some(rejection) = &view.memory.rejection {
        return (Phase::Failed, Some(rejection.reason.clone()), Some(rejection.message.clone()));
    }
    let goal = goal(view);
    let before_phase = before.phase.as_deref().and_then(Phase::terminal);
    let ended = matches!(goal, Goal::End(_)) && !any_runs(view) && view.memory.is_idle();
    let phase =
        before_phase.unwrap_or_else(|| phase::phase(view, &by_role.init, &by_role.app, ended));
    if goal == Goal::End(Ending::DeadlineExceeded) {
        const WHY: &str = "Pod was active on the node longer than the specified deadline";
        let phase = if any_runs(view) { phase } else { Phase::Failed };
        return (phase, Some("DeadlineExceeded".into()), Some(WHY.into()));
    }
    (phase, before.reason.clone(), before.message.clone())
}

fn any_runs(view: View<'_>) -> bool {
    view.state.containers.iter().any(|container| container.exit().is_none())
}

/// The addresses of the sandbox; a pod that has ended keeps those that it had.
fn pod_ips(view: View<'_>, node: &NodeFacts, before: &PodStatus) -> Vec<PodIP> {
    let host_network = view.pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
    let of_sandbox = view.state.sandbox.as_ref().filter(|sandbox| sandbox.ready);
    let ips: &[IpAddr] = match of_sandbox {
        Some(_) if host_network => &node.host_ips,
        Some(sandbox) => &sandbox.ips,
        None => return before.pod_ips.clone().unwrap_or_default(),
    };
    ips.iter().map(|ip| PodIP { ip: ip.to_string() }).collect()
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// How long a failed pull shows its own error before it shows the back-off.
const SHOW_ERROR_MS: i64 = 2000;

/// The reason that a container waits for, which changes from the error to the back-off with time.
pub(super) fn waiting_for(setback: &Setback, image: &str, now: Timestamp) -> (String, String) {
    let fresh = now.as_millisecond() - setback.failed_at.as_millisecond() < SHOW_ERROR_MS;
    if setback.reason != "ErrImagePull" || fresh {
        return (setback.reason.clone(), setback.message.clone());
    }
    let message = format!("Back-off pulling image \"{image}\": ErrImagePull: {}", setback.message);
    ("ImagePullBackOff".into(), message)
}

/// When that reason changes, if it will.
pub(super) fn next_reason_at(setback: &Setback, now: Timestamp) -> Timestamp {
    let changes = setback.failed_at.as_millisecond() + SHOW_ERROR_MS;
    let changes = Timestamp::from_millisecond(changes).unwrap_or(Timestamp::MAX);
    if changes > now { changes.min(setback.retry_at) } else { setback.retry_at }
}
