//! The simulated runtime: containers that exist only in their states.
//!
//! What a container would do is declared as [`Stages`], by annotations of its pod or by rules on
//! its labels: how long its image takes, when it starts, whether and how it ends, what its probes
//! say. Without any it starts at once and runs until it is stopped. Time, jitter and ids come
//! from [`Env`](orchestrator_core::Env), so a run under a paused clock takes no time and repeats
//! exactly. [`SimulatedNodes`] puts thousands of such nodes into one process.

mod config;
mod container;
mod nodes;
mod runtime;
mod stages;
mod wheel;

pub use config::SimulatedConfig;
pub use nodes::{SimulatedNodes, SimulatedNodesConfig};
pub use runtime::SimulatedRuntime;
pub use stages::{ANNOTATION_DOMAIN, Rule, Span, Stages, StagesError};
pub use wheel::Wheel;

#[cfg(test)]
mod tests;
