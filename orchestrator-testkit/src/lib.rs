//! Conformance suites for every trait, and tools for simulation

pub mod runtime;

pub mod proxy;
pub mod store;
