//! What the agent knows about a pod beyond the API's object and the runtime's state.
//!
//! Nothing here needs to survive the agent: after a restart, probes begin anew, back-offs begin
//! anew, and what was being started or stopped is found by looking.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use orchestrator_core::runtime::ContainerId;

use super::BackOff;

/// What the agent remembers about one pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// When the agent first saw the pod; `None` before it was admitted.
    pub start_time: Option<Timestamp>,
    /// Why the pod may not run here.
    pub rejection: Option<Rejection>,
    /// Whether the API's object is gone, so that the pod ends and nobody needs its status.
    pub gone: bool,
    /// Whether the volumes are there.
    pub volumes_ready: bool,
    /// Whether volumes or sandbox are being worked on.
    pub pod_work: Work,
    /// Why volumes or sandbox are not there, and when to try again.
    pub setback: Option<Setback>,
    /// When the pod began to end.
    pub ending_since: Option<Timestamp>,
    /// Whether the API knows that the pod has stopped.
    pub deletion_finished: bool,
    /// What is known about each container.
    pub containers: BTreeMap<String, ContainerMemory>,
}

/// Why a node does not take a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// In one word, as in `OutOfcpu`.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// Whether something is being done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Work {
    /// Nothing.
    #[default]
    Idle,
    /// Something is being made.
    Starting,
    /// Something is being ended, at the latest at this time.
    Stopping {
        /// When its grace is over.
        until: Timestamp,
    },
}

/// What the agent remembers about one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerMemory {
    /// What is being done.
    pub work: Work,
    /// Why it could not be started, and when to try again.
    pub setback: Option<Setback>,
    /// The pause before the next run.
    pub restart: Option<BackOff>,
    /// The pause before the next pull of its image.
    pub pull: Option<BackOff>,
    /// What the probes say about its present run.
    pub health: Health,
}

/// Why something could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// In one word, as in `ErrImagePull`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// When it failed.
    pub failed_at: Timestamp,
    /// When to try again.
    pub retry_at: Timestamp,
}

/// What the probes say about one run of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Which run; what is said of another does not count.
    pub container: Option<ContainerId>,
    /// Whether the startup probe succeeded; true where there is none.
    pub started: bool,
    /// Whether the readiness probe succeeds; true where there is none.
    pub ready: bool,
    /// Why the run must end, and how long its end may take where the probe says so.
    pub doomed: Option<(super::StopReason, Option<Duration>)>,
}

impl Memory {
    /// What is known about the container `name`.
    pub fn container(&self, name: &str) -> &ContainerMemory {
        static UNKNOWN: ContainerMemory = ContainerMemory {
            work: Work::Idle,
            setback: None,
            restart: None,
            pull: None,
            health: Health { container: None, started: false, ready: false, doomed: None },
        };
        self.containers.get(name).unwrap_or(&UNKNOWN)
    }

    /// What is known about the container `name`, to change.
    pub fn container_mut(&mut self, name: &str) -> &mut ContainerMemory {
        self.containers.entry(name.to_owned()).or_default()
    }

    /// Whether nothing is being made or ended.
    pub fn is_idle(&self) -> bool {
        self.pod_work == Work::Idle && self.containers.values().all(|c| c.work == Work::Idle)
    }
}
