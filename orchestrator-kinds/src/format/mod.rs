//! The forms of single values: names, labels, ports, addresses, paths, shares.
//!
//! Each check returns its [`Faults`](crate::report::Faults): empty, and then without an
//! allocation, where the value is right.

pub mod addresses;
pub mod labels;
pub mod names;
pub mod numbers;
pub mod paths;
pub mod share;
