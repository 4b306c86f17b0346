//! Pods and pod templates: what pods, workloads and jobs share.
//!
//! [`defaults`] fills in a pod spec, [`check`] holds it against its rules, [`qos`] classes it.
//! [`template`] does the same for the template of a workload.

pub mod apparmor;
pub mod check;
pub mod defaults;
pub mod diff;
pub mod qos;
pub mod resources;
pub mod template;
