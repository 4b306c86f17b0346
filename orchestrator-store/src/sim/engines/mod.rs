//! The engines of this crate on the stage.

mod durable;
mod memory;
mod raft;

pub use durable::Durable;
pub use memory::Memory;
pub use raft::Raft;

use std::sync::Arc;

use super::plan::{Plan, Profile};
use super::stage::{Engine, Outcome, play};
use crate::planted::Planted;

/// An engine, and what kind of runs it is played in.
pub struct Subject {
    engine: Arc<dyn Engine>,
    profile: Profile,
}

impl Subject {
    /// In what kind of runs.
    pub fn profile(&self) -> Profile {
        self.profile.clone()
    }

    /// The same in other runs.
    #[must_use]
    pub fn with_profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// The plan of a seed.
    pub fn plan(&self, seed: u64) -> Plan {
        self.profile.plan(seed)
    }

    /// Plays a seed.
    pub fn play(&self, seed: u64) -> Outcome {
        self.play_plan(&self.plan(seed), false)
    }

    /// Plays a plan.
    pub fn play_plan(&self, plan: &Plan, keep_trace: bool) -> Outcome {
        play(plan, &self.engine, keep_trace)
    }
}

/// The engine of a name, with the faults that are planted in it.
pub fn subject(name: &str, planted: Planted) -> Option<Subject> {
    match name {
        "durable" => {
            let engine = Arc::new(Durable { planted });
            Some(Subject { engine, profile: Profile::single() })
        }
        "raft" => Some(Subject { engine: Arc::new(Raft { planted }), profile: Profile::several() }),
        "memory" => {
            let profile = Profile { faults: 0, ..Profile::single() };
            Some(Subject { engine: Arc::new(Memory), profile })
        }
        _ => None,
    }
}
