//! The node agent and its runtimes: simulated and process.
//!
//! The agent registers a node, follows the pods bound to it and runs them through the
//! [`Runtime`](orchestrator_core::runtime::Runtime) trait. What to do for a pod is decided by
//! [`plan`], a pure function; everything else here carries it out.

pub mod address;
pub mod agent;
pub mod environment;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod isolation;
pub mod kubelet;
pub mod material;
pub mod plan;
pub mod probe;
pub mod process;
mod raw;
pub mod simulated;
pub mod volume;
