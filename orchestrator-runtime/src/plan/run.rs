//! The way up: volumes, sandbox, init containers one by one, then the rest together.

use super::{Action, Fate, Member, Plan, Role, View, Work, fate, members};
use orchestrator_core::runtime::ContainerId;

/// How many ended runs of each container are kept, for their logs and last state.
const KEPT_RUNS: usize = 2;

/// Whether the containers after one may begin.
#[derive(PartialEq, Eq)]
enum Gate {
    Open,
    Closed,
}

/// Brings the pod nearer to running.
pub(super) fn run(view: View<'_>, plan: &mut Plan) {
    let memory = view.memory;
    if memory.pod_work != Work::Idle {
        return;
    }
    let sandbox = view.state.sandbox.as_ref();
    if !memory.volumes_ready || sandbox.is_none_or(|sandbox| !sandbox.ready) {
        if let Some(setback) = memory.setback.as_ref().filter(|s| s.retry_at > view.now) {
            return plan.wake(setback.retry_at);
        }
        plan.actions.push(if memory.volumes_ready {
            Action::RunSandbox { attempt: sandbox.map_or(0, |sandbox| sandbox.attempt + 1) }
        } else {
            Action::SetUpVolumes
        });
        return;
    }
    prune(view, plan);
    stop_doomed(view, plan);
    containers(view, plan);
}

fn containers(view: View<'_>, plan: &mut Plan) {
    let initialized = members(view.pod)
        .any(|member| member.role == Role::App && view.state.newest(member.name()).is_some());
    for member in members(view.pod) {
        let gate = match member.role {
            Role::Init if initialized => Gate::Open,
            Role::Init => init(view, &member, plan),
            Role::Sidecar => sidecar(view, &member, initialized, plan),
            Role::App | Role::Ephemeral => {
                keep_running(view, &member, plan);
                Gate::Open
            }
        };
        if gate == Gate::Closed {
            return;
        }
    }
}

fn init(view: View<'_>, member: &Member<'_>, plan: &mut Plan) -> Gate {
    if fate(view, member) == Fate::Done(0)
        && view.memory.container(member.name()).work == Work::Idle
    {
        return Gate::Open;
    }
    keep_running(view, member, plan);
    Gate::Closed
}

fn sidecar(view: View<'_>, member: &Member<'_>, initialized: bool, plan: &mut Plan) -> Gate {
    keep_running(view, member, plan);
    let memory = view.memory.container(member.name());
    let state = view.state.newest(member.name()).filter(|state| state.is_running());
    let started = state.is_some_and(|state| {
        memory.health.container.as_ref() == Some(&state.id) && memory.health.started
    });
    if initialized || (started && memory.work == Work::Idle) { Gate::Open } else { Gate::Closed }
}

/// Starts a container that shall run and does not.
fn keep_running(view: View<'_>, member: &Member<'_>, plan: &mut Plan) {
    let memory = view.memory.container(member.name());
    if memory.work != Work::Idle {
        return;
    }
    let (attempt, due, after) = match fate(view, member) {
        Fate::Fresh => (first_attempt(view, member.name()), view.now, None),
        Fate::Again { attempt, due, ended_at, .. } => (attempt, due, Some(ended_at)),
        Fate::Running | Fate::Done(_) => return,
    };
    let due = memory.setback.as_ref().map_or(due, |setback| due.max(setback.retry_at));
    if due > view.now {
        if let Some(setback) = &memory.setback {
            plan.wake(super::status::next_reason_at(setback, view.now));
        }
        return plan.wake(due);
    }
    plan.actions.push(Action::Start { name: member.name().to_owned(), attempt, after });
}

/// Runs that the API knows and the runtime does not (it lost its state) still count.
fn first_attempt(view: View<'_>, name: &str) -> u32 {
    let status = view.pod.status.as_ref();
    let init = status.and_then(|s| s.init_container_statuses.as_deref()).unwrap_or_default();
    let app = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
    let known = init.iter().chain(app).find(|status| status.name == name);
    let ran = known.filter(|status| status.container_id.is_some());
    ran.map_or(0, |status| u32::try_from(status.restart_count).unwrap_or_default() + 1)
}

/// Stops runs that a probe or a hook has condemned.
fn stop_doomed(view: View<'_>, plan: &mut Plan) {
    let grace = view.pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    for member in members(view.pod) {
        let memory = view.memory.container(member.name());
        let Some((why, own_grace)) = memory.health.doomed else { continue };
        let running = view.state.newest(member.name()).filter(|state| state.is_running());
        let Some(state) = running.filter(|s| memory.health.container.as_ref() == Some(&s.id))
        else {
            continue;
        };
        if memory.work == Work::Idle {
            let grace = own_grace.unwrap_or(super::goal::seconds_of(grace.unwrap_or(30)));
            let (name, container) = (member.name().to_owned(), state.id.clone());
            let until = super::backoff::after(view.now, grace);
            plan.actions.push(Action::Stop { name, container, grace, until, why });
        }
    }
}

/// Forgets runs that are older than the last but one.
fn prune(view: View<'_>, plan: &mut Plan) {
    for member in members(view.pod) {
        let runs = view.state.containers.iter().filter(|c| c.name == member.name());
        let mut runs: Vec<(u32, &ContainerId)> = runs.map(|c| (c.attempt, &c.id)).collect();
        runs.sort_by_key(|(attempt, _)| std::cmp::Reverse(*attempt));
        for (_, id) in runs.into_iter().skip(KEPT_RUNS) {
            plan.actions.push(Action::RemoveContainer(id.clone()));
        }
    }
}
