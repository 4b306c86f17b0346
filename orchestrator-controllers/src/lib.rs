//! The controller runtime and the built-in controllers.
//!
//! A [`Controller`](orchestrator_core::Controller) says what it watches and reconciles keys; the
//! [`Manager`] gives it a [work queue](queue), runs it, and does not let a key run before the
//! caches show that key's own last writes.

mod clock;
mod closure;
pub mod deployment;
mod deps;
pub mod leader;
pub mod manager;
pub mod queue;
pub mod replicaset;
mod workload;

pub use closure::controller_fn;
pub use deps::{Config, ControllerDeps, Resources, ServedResource};
pub use manager::{Manager, RunningManager};
