//! The scheduler: plugins that filter and score nodes, a queue of pods, and the loop that binds.
//!
//! A [`Framework`] decides, as a pure function of a pod and a snapshot; the [plugins] are its
//! parts. Everything with a clock or an effect is outside of it.

pub mod framework;
pub mod matching;
pub mod plugins;
#[cfg(test)]
mod testing;

pub use framework::{Framework, Plugin};
