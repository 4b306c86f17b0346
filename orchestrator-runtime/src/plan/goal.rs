//! The goal: whether the pod shall run or end, and why.

use std::time::Duration;

use jiff::Timestamp;

use super::backoff::after;
use super::{Fate, Role, View, fate, members};

/// What shall become of a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// It runs, at the longest until its deadline.
    Run {
        /// The deadline.
        until: Option<Timestamp>,
    },
    /// It ends.
    End(Ending),
}

/// Why a pod ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// It is being deleted, or its object is gone.
    Deleted {
        /// How long its containers may take.
        grace: Duration,
    },
    /// The node does not take it.
    Rejected,
    /// It ran longer than it may.
    DeadlineExceeded,
    /// Its work is done, well or not.
    Finished,
}

/// What shall become of the pod.
pub fn goal(view: View<'_>) -> Goal {
    if let Some(grace) = deletion_grace(view) {
        return Goal::End(Ending::Deleted { grace });
    }
    if view.memory.rejection.is_some() {
        return Goal::End(Ending::Rejected);
    }
    if is_finished(view) {
        return Goal::End(Ending::Finished);
    }
    let deadline = deadline(view);
    if deadline.is_some_and(|deadline| deadline <= view.now) {
        return Goal::End(Ending::DeadlineExceeded);
    }
    Goal::Run { until: deadline }
}

fn deletion_grace(view: View<'_>) -> Option<Duration> {
    let meta = &view.pod.metadata;
    if meta.deletion_timestamp.is_none() && !view.memory.gone {
        return None;
    }
    let of_spec = view.pod.spec.as_ref().and_then(|s| s.termination_grace_period_seconds);
    // An object that vanished without a deletion was removed by force.
    let forced = (view.memory.gone && meta.deletion_timestamp.is_none()).then_some(0);
    let seconds = forced.or(meta.deletion_grace_period_seconds).or(of_spec).unwrap_or(30);
    Some(seconds_of(seconds))
}

/// A span of whole seconds; nothing where it is negative.
pub(super) fn seconds_of(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

fn deadline(view: View<'_>) -> Option<Timestamp> {
    let seconds = view.pod.spec.as_ref()?.active_deadline_seconds?;
    Some(after(view.memory.start_time?, seconds_of(seconds)))
}

/// Whether all work is done, or can no longer be done.
fn is_finished(view: View<'_>) -> bool {
    let reported = view.pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(reported, Some("Succeeded" | "Failed")) {
        return true;
    }
    let mut apps_done = true;
    let mut init_failed = false;
    for member in members(view.pod) {
        match (member.role, fate(view, &member)) {
            (Role::Init, Fate::Done(code)) => init_failed |= code != 0,
            (Role::App, fate) => apps_done &= matches!(fate, Fate::Done(_)),
            _ => {}
        }
    }
    init_failed || apps_done
}
