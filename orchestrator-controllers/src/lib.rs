//! The controller runtime and the built-in controllers.
//!
//! A [`Controller`](orchestrator_core::Controller) says what it watches and reconciles keys; the
//! [`Manager`] gives it a [work queue](queue), runs it, and does not let a key run before the
//! caches show that key's own last writes.

mod closure;
pub mod leader;
pub mod manager;
pub mod queue;

pub use closure::controller_fn;
pub use manager::{Manager, RunningManager};
