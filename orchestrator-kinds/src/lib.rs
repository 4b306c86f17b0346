//! The built-in kinds of Kubernetes v1.36: names, defaults, validation, versions and tables.
//!
//! [`builtin`] gives one [`ResourceDef`](orchestrator_core::ResourceDef) per group, version and
//! kind, ready for the API server.

mod registry;

pub use registry::builtin;
