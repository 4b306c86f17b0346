//! Conformance suites for every trait, and tools for simulation
