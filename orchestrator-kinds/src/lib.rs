//! The built-in kinds of Kubernetes v1.36: names, defaults, validation, versions and tables.
//!
//! [`builtin`] gives one [`ResourceDef`](orchestrator_core::ResourceDef) per group, version and
//! kind, ready for the API server.

pub mod fields;
pub mod format;
pub mod kinds;
pub mod meta;
pub mod pod;
mod registry;
pub mod report;
pub mod rules;
mod tables;

pub use registry::builtin;
pub use tables::since;
