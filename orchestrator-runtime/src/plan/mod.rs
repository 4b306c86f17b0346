//! The plan: what to do next for one pod, as a pure function of what is known about it.
//!
//! [`plan`] looks at the pod as the API has it, at what the runtime reports, at what the agent
//! remembers, and at the time; it returns [`Action`]s and the time at which to look again. It
//! does nothing itself and keeps nothing, so any crash between two actions is like no crash:
//! the next look finds what is there and goes on. [`status`] reports the same view to the API.

mod backoff;
mod containers;
mod end;
mod fate;
mod goal;
mod memory;
mod run;
mod status;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_core::runtime::{ContainerId, PodState, SandboxId};

pub use backoff::BackOff;
pub use containers::{Member, Role, members};
pub use fate::{Fate, fate};
pub use goal::{Ending, Goal, goal};
pub use memory::{ContainerMemory, Health, Memory, Rejection, Setback, Work};
pub use status::{NodeFacts, qos_class, status};

/// All that is known about one pod at one time.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The pod as the API has it.
    pub pod: &'a Pod,
    /// What the runtime has of it.
    pub state: &'a PodState,
    /// What the agent knows besides.
    pub memory: &'a Memory,
    /// The time.
    pub now: Timestamp,
}

/// What to do, and when to look again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// To be done now, in this order; each at most once until it has ended.
    pub actions: Vec<Action>,
    /// The earliest time at which the plan changes by itself.
    pub wake_at: Option<Timestamp>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make the pod's volumes.
    SetUpVolumes,
    /// Run a sandbox.
    RunSandbox {
        /// Which one of the pod.
        attempt: u32,
    },
    /// Start a container: image, environment, process, hook.
    Start {
        /// Its name.
        name: String,
        /// Which run.
        attempt: u32,
        /// When the run before ended; `None` for the first.
        after: Option<Timestamp>,
    },
    /// Stop a container: hook, signal, grace.
    Stop {
        /// Its name.
        name: String,
        /// Which run.
        container: ContainerId,
        /// How long it may take.
        grace: Duration,
        /// When that is over.
        until: Timestamp,
        /// What for.
        why: StopReason,
    },
    /// Forget an old run of a container.
    RemoveContainer(ContainerId),
    /// Stop the sandbox.
    StopSandbox(SandboxId),
    /// Tell the API that the pod has stopped, so that its deletion can end.
    FinishDeletion,
    /// Forget the pod: its sandbox, volumes and logs.
    Forget,
}

/// What a container is stopped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The pod ends.
    PodEnds,
    /// Its liveness probe failed.
    Liveness,
    /// Its startup probe failed.
    Startup,
    /// Its post-start hook failed.
    PostStart,
}

impl Plan {
    /// Looks again at `time` or before.
    fn wake(&mut self, time: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(time, |earlier| earlier.min(time)));
    }
}

/// What to do next.
pub fn plan(view: View<'_>) -> Plan {
    let mut plan = Plan::default();
    match goal(view) {
        Goal::Run { until } => {
            if let Some(deadline) = until {
                plan.wake(deadline);
            }
            run::run(view, &mut plan);
        }
        Goal::End(ending) => end::end(view, &ending, &mut plan),
    }
    plan
}

#[cfg(test)]
mod tests;
