//! The rules of each kind: a folder per API group, a file per kind, all in the shape of
//! [`Rules`](crate::rules::Rules).

pub mod apps;
pub mod autoscaling;
pub mod batch;
pub mod core;
pub mod discovery;
pub mod networking;
pub mod policy;
pub mod rbac;
