//! The status of one container: waiting, running or terminated, and why.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_core::runtime::ContainerState;

use super::super::{Fate, Goal, Member, Role, View, Work, fate, goal, members};

/// The status of one container.
pub(super) fn status(view: View<'_>, member: &Member<'_>, runtime: &str) -> core::ContainerStatus {
    let memory = view.memory.container(member.name());
    let newest = view.state.newest(member.name());
    let before = reported(view, member);
    let (state, last_state) = states(view, member, newest, before, runtime);
    let running = newest.filter(|state| state.is_running());
    let healthy = running.filter(|s| memory.health.container.as_ref() == Some(&s.id));
    let done = matches!(newest.and_then(ContainerState::exit), Some(exit) if exit.code == 0);
    let ready = match member.role {
        Role::Init => done,
        Role::Ephemeral => false,
        Role::App | Role::Sidecar => healthy.is_some() && memory.health.ready,
    };
    let started = match member.role {
        Role::App | Role::Sidecar => healthy.is_some() && memory.health.started,
        Role::Init | Role::Ephemeral => running.is_some(),
    };
    let resources = member.spec.resources.clone();
    core::ContainerStatus {
        name: member.name().to_owned(),
        image: member.spec.image.clone().unwrap_or_default(),
        image_id: newest.map(|state| state.image_id.clone()).unwrap_or_default(),
        container_id: newest.map(|state| id(runtime, state)),
        restart_count: restart_count(newest, before),
        ready,
        started: Some(started),
        state: Some(state),
        last_state: Some(last_state.unwrap_or_default()),
        allocated_resources: resources.as_ref().and_then(|r| r.requests.clone()),
        resources: resources.or(Some(core::ResourceRequirements::default())),
        volume_mounts: volume_mounts(member),
        ..core::ContainerStatus::default()
    }
}

/// What the API says of it at present.
fn reported<'a>(view: View<'a>, member: &Member<'_>) -> Option<&'a core::ContainerStatus> {
    let status = view.pod.status.as_ref()?;
    let list = match member.role {
        Role::Init | Role::Sidecar => status.init_container_statuses.as_deref(),
        Role::App => status.container_statuses.as_deref(),
        Role::Ephemeral => status.ephemeral_container_statuses.as_deref(),
    };
    list?.iter().find(|status| status.name == member.name())
}

fn restart_count(newest: Option<&ContainerState>, before: Option<&core::ContainerStatus>) -> i32 {
    let of_state = newest.map(|state| i32::try_from(state.attempt).unwrap_or(i32::MAX));
    of_state.or(before.map(|status| status.restart_count)).unwrap_or_default()
}

/// The present state and the state before it.
fn states(
    view: View<'_>,
    member: &Member<'_>,
    newest: Option<&ContainerState>,
    before: Option<&core::ContainerStatus>,
    runtime: &str,
) -> (core::ContainerState, Option<core::ContainerState>) {
    let Some(state) = newest else {
        // A container that ended and is known to nobody else any more keeps its last word.
        if let Some(old) =
            before.filter(|b| b.state.as_ref().is_some_and(|s| s.terminated.is_some()))
            && matches!(goal(view), Goal::End(_))
        {
            return (old.state.clone().unwrap_or_default(), old.last_state.clone());
        }
        return (waiting(view, member), None);
    };
    let earlier = view.state.before(member.name(), state.attempt);
    let earlier = earlier.and_then(|state| terminated(runtime, state));
    if state.is_running() {
        let started_at = state.started_at.map(Time);
        let running = Some(core::ContainerStateRunning { started_at });
        return (core::ContainerState { running, ..core::ContainerState::default() }, earlier);
    }
    let Some(ended) = terminated(runtime, state) else { return (waiting(view, member), earlier) };
    if shows_waiting(view, member) {
        return (waiting(view, member), Some(ended));
    }
    (ended, earlier)
}

/// Whether a container that has ended shows that it waits for its next run.
fn shows_waiting(view: View<'_>, member: &Member<'_>) -> bool {
    if matches!(goal(view), Goal::End(_)) {
        return false;
    }
    let memory = view.memory.container(member.name());
    match fate(view, member) {
        Fate::Again { due, .. } => due > view.now || memory.setback.is_some(),
        _ => false,
    }
}

/// Why the container waits.
fn waiting(view: View<'_>, member: &Member<'_>) -> core::ContainerState {
    let memory = view.memory.container(member.name());
    let (reason, message) = match (&memory.setback, fate(view, member)) {
        (Some(setback), _) => {
            let image = member.spec.image.as_deref().unwrap_or_default();
            let (reason, message) = super::waiting_for(setback, image, view.now);
            (reason, Some(message))
        }
        (None, Fate::Again { pause, .. }) if memory.work == Work::Idle => {
            let message = format!(
                "back-off {} restarting failed container={} pod={}",
                go_duration(pause.as_secs()),
                member.name(),
                full_name(view),
            );
            ("CrashLoopBackOff".to_owned(), Some(message))
        }
        _ => (default_reason(view, member).to_owned(), None),
    };
    let waiting = Some(core::ContainerStateWaiting { reason: Some(reason), message });
    core::ContainerState { waiting, ..core::ContainerState::default() }
}

fn default_reason(view: View<'_>, member: &Member<'_>) -> &'static str {
    let has_init = members(view.pod).any(|m| matches!(m.role, Role::Init | Role::Sidecar));
    if has_init && member.role != Role::Ephemeral { "PodInitializing" } else { "ContainerCreating" }
}

/// `name_namespace(uid)`, as messages name a pod.
fn full_name(view: View<'_>) -> String {
    let meta = &view.pod.metadata;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    format!("{}_{}({})", text(&meta.name), text(&meta.namespace), text(&meta.uid))
}

/// A span as Go prints it: `10s`, `1m20s`, `5m0s`.
fn go_duration(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

fn id(runtime: &str, state: &ContainerState) -> String {
    format!("{runtime}://{}", state.id)
}

fn terminated(runtime: &str, state: &ContainerState) -> Option<core::ContainerState> {
    let exit = state.exit()?;
    let reason = match exit.reason.as_str() {
        "" if exit.code == 0 => "Completed",
        "" => "Error",
        given => given,
    };
    let terminated = core::ContainerStateTerminated {
        container_id: Some(id(runtime, state)),
        exit_code: exit.code,
        finished_at: Some(Time(exit.finished_at)),
        message: Some(exit.message.clone()).filter(|message| !message.is_empty()),
        reason: Some(reason.into()),
        signal: None,
        started_at: Some(Time(state.started_at.unwrap_or(state.created_at))),
    };
    Some(core::ContainerState { terminated: Some(terminated), ..core::ContainerState::default() })
}

fn volume_mounts(member: &Member<'_>) -> Option<Vec<core::VolumeMountStatus>> {
    let mounts = member.spec.volume_mounts.as_deref()?;
    // One entry per path, as the list's key demands.
    let mut by_path = BTreeMap::new();
    for mount in mounts {
        by_path.entry(mount.mount_path.clone()).or_insert(mount);
    }
    let statuses = mounts.iter().filter_map(|mount| by_path.remove(&mount.mount_path));
    let statuses = statuses.map(|mount| core::VolumeMountStatus {
        name: mount.name.clone(),
        mount_path: mount.mount_path.clone(),
        read_only: mount.read_only.filter(|read_only| *read_only),
        recursive_read_only: mount.read_only.filter(|r| *r).map(|_| "Disabled".into()),
        ..core::VolumeMountStatus::default()
    });
    Some(statuses.collect())
}

#[cfg(test)]
mod tests {
    use super::go_duration;

    #[test]
    fn spans_read_as_go_prints_them() {
        for (seconds, text) in [(10, "10s"), (40, "40s"), (80, "1m20s"), (300, "5m0s")] {
            assert_eq!(go_duration(seconds), text);
        }
    }
}
