//! The way down: the work first, then sidecars in reverse order, then the sandbox.

use std::time::Duration;

use jiff::Timestamp;
use orchestrator_core::runtime::ContainerState;

use super::backoff::after;
use super::{Action, Ending, Member, Plan, Role, StopReason, View, Work, members};

/// What a sidecar gets at least, even where the work has used up the grace.
const LEAST_GRACE: Duration = Duration::from_secs(2);

/// Brings the pod nearer to its end.
pub(super) fn end(view: View<'_>, ending: &Ending, plan: &mut Plan) {
    let grace = grace(view, ending);
    let began = view.memory.ending_since.unwrap_or(view.now);
    let until = after(began, grace);
    if !stop_containers(view, grace, until, plan) || !view.memory.is_idle() {
        return;
    }
    if let Some(sandbox) = view.state.sandbox.as_ref().filter(|sandbox| sandbox.ready) {
        return plan.actions.push(Action::StopSandbox(sandbox.id.clone()));
    }
    let Ending::Deleted { .. } = ending else { return };
    if view.memory.gone {
        plan.actions.push(Action::Forget);
    } else if !view.memory.deletion_finished {
        match view.memory.setback.as_ref().filter(|setback| setback.retry_at > view.now) {
            Some(setback) => plan.wake(setback.retry_at),
            None => plan.actions.push(Action::FinishDeletion),
        }
    }
}

fn grace(view: View<'_>, ending: &Ending) -> Duration {
    let spec = view.pod.spec.as_ref();
    let of_spec = || spec.and_then(|s| s.termination_grace_period_seconds).unwrap_or(30);
    match ending {
        Ending::Deleted { grace } => *grace,
        Ending::Rejected => Duration::ZERO,
        Ending::DeadlineExceeded | Ending::Finished => super::goal::seconds_of(of_spec()),
    }
}

/// Stops what still runs; tells whether nothing does.
fn stop_containers(view: View<'_>, grace: Duration, until: Timestamp, plan: &mut Plan) -> bool {
    let mut work_runs = false;
    for member in members(view.pod).filter(|member| member.role != Role::Sidecar) {
        work_runs |= stop(view, &member, grace, until, plan);
    }
    if work_runs {
        return false;
    }
    let left = Duration::try_from(until.duration_since(view.now)).unwrap_or_default();
    let least = if grace.is_zero() { Duration::ZERO } else { LEAST_GRACE };
    for member in members(view.pod).rev().filter(|member| member.role == Role::Sidecar) {
        let grace = left.max(least);
        if stop(view, &member, grace, after(view.now, grace), plan) {
            return false;
        }
    }
    true
}

/// Stops one container; tells whether it still runs or is being started.
fn stop(
    view: View<'_>,
    member: &Member<'_>,
    grace: Duration,
    until: Timestamp,
    plan: &mut Plan,
) -> bool {
    let work = view.memory.container(member.name()).work;
    let Some(state) = view.state.newest(member.name()).filter(|state| runs(state)) else {
        return work != Work::Idle;
    };
    let begin = match work {
        // A container whose post-start hook still runs is stopped all the same.
        Work::Idle | Work::Starting => true,
        Work::Stopping { until: before } => until < before,
    };
    if begin {
        plan.actions.push(Action::Stop {
            name: member.name().to_owned(),
            container: state.id.clone(),
            grace,
            until,
            why: StopReason::PodEnds,
        });
    }
    true
}

fn runs(state: &ContainerState) -> bool {
    state.exit().is_none()
}
