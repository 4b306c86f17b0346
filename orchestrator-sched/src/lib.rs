//! The scheduler: plugins that filter and score nodes, a queue of pods, and the loop that binds.
//!
//! A [`Framework`] decides, as a pure function of a pod and a snapshot; the [plugins] are its
//! parts. An [`Engine`] keeps the snapshot and the queue, still without I/O. The
//! [`SchedulerLoop`] joins an engine with informers and writes bindings, conditions and events.
//! Start at [`SchedulerLoop`] to run one, at [`framework`] to extend one.

pub mod batch;
pub mod config;
pub mod dense;
pub mod engine;
pub mod explain;
pub mod framework;
pub mod matching;
pub mod plugins;
pub mod recorded;
pub mod run;
#[cfg(test)]
mod testing;
pub mod trace;

pub use config::Configuration;
pub use engine::{Backoff, Engine};
pub use framework::{Framework, Plugin};
pub use run::{Running, SchedulerLoop};
