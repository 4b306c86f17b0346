//! Conformance suites for every trait, and tools for simulation.
//!
//! A suite is a function that takes an implementation and panics with the rule that it breaks.
//! Implementations of this workspace run the suites in their own tests; so can any other.

#[cfg(target_os = "linux")]
pub mod machines;
pub mod proxy;
pub mod runtime;
pub mod scheduler;
pub mod store;
