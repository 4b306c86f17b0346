//! The phase of a pod: one word for where it is in its life.

use k8s_openapi::api::core::v1::ContainerStatus;

use super::super::{Member, Role, View, members};

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
}

impl Phase {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// The phase of that name, if it is one that never changes again.
    pub(super) fn terminal(name: &str) -> Option<Self> {
        match name {
            "Succeeded" => Some(Self::Succeeded),
            "Failed" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// The phase; `ended` where the pod shall end and nothing of it runs any more.
pub(super) fn phase(
    view: View<'_>,
    init: &[ContainerStatus],
    app: &[ContainerStatus],
    ended: bool,
) -> Phase {
    let policy = view.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    // How a sidecar ends says nothing about the pod's work.
    let init_failed = starters(view).zip(init).any(|(member, status)| {
        member.role == Role::Init && exit_code(status).is_some_and(|code| code != 0)
    });
    let (mut waiting, mut running, mut failed) = (0, 0, 0);
    for status in app {
        let state = status.state.as_ref();
        match exit_code(status) {
            _ if state.is_some_and(|s| s.running.is_some()) => running += 1,
            Some(0) => {}
            Some(_) => failed += 1,
            None => waiting += 1,
        }
    }
    if ended {
        let all_well = waiting == 0 && failed == 0 && !init_failed;
        return if all_well { Phase::Succeeded } else { Phase::Failed };
    }
    if init_failed && policy == Some("Never") && running == 0 && waiting == app.len() {
        return Phase::Failed;
    }
    if !initialized(view, init) || waiting > 0 {
        return Phase::Pending;
    }
    // Sidecars are still being stopped, or containers are between two runs.
    Phase::Running
}

/// Whether every init container has succeeded, and every sidecar has started.
fn initialized(view: View<'_>, init: &[ContainerStatus]) -> bool {
    if view.state.containers.iter().any(|state| is_app(view, &state.name)) {
        return true;
    }
    starters(view).zip(init).all(|(member, status)| match member.role {
        Role::Sidecar => status.started == Some(true),
        _ => exit_code(status) == Some(0),
    })
}

/// The containers that are listed as init containers, in the order of their statuses.
fn starters(view: View<'_>) -> impl Iterator<Item = Member<'_>> {
    members(view.pod).filter(|member| matches!(member.role, Role::Init | Role::Sidecar))
}

fn is_app(view: View<'_>, name: &str) -> bool {
    members(view.pod).any(|member| member.role == Role::App && member.name() == name)
}

/// The exit code of the present run, or of the last one where the container waits to run again.
fn exit_code(status: &ContainerStatus) -> Option<i32> {
    let state = status.state.as_ref()?;
    if let Some(terminated) = &state.terminated {
        return Some(terminated.exit_code);
    }
    state.waiting.as_ref()?;
    Some(status.last_state.as_ref()?.terminated.as_ref()?.exit_code)
}
