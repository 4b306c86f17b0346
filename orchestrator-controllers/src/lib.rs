//! The controller runtime and the built-in controllers.
//!
//! A [`Controller`](orchestrator_core::controller::Controller) says what it watches and reconciles keys; the
//! [`Manager`] gives it a [work queue](queue), runs it, and does not let a key run before the
//! caches show that key's own last writes.

pub mod admissionpolicystatus;
mod backends;
pub mod bootstrap;
mod builtin;
pub mod certificates;
mod clock;
mod closure;
pub mod clusterroleaggregation;
pub mod cronjob;
pub mod daemonset;
pub mod deployment;
mod deps;
pub mod disruption;
pub mod endpoints;
pub mod endpointslice;
pub mod garbage;
pub mod horizontalpodautoscaler;
pub mod job;
pub mod leader;
pub mod manager;
pub mod mirroring;
pub mod namespace;
pub mod nodeipam;
pub mod nodelifecycle;
pub mod podgc;
pub mod queue;
pub mod replicaset;
pub mod resourceclaim;
pub mod resourcequota;
pub mod rootca;
pub mod serviceaccount;
pub mod serviceaccounttoken;
pub mod servicecidr;
pub mod statefulset;
pub mod tainteviction;
pub mod ttl;
pub mod volume;
mod workload;

pub use builtin::builtin;
pub use closure::controller_fn;
pub use deps::{Config, ControllerDeps, Resources, ServedResource};
pub use manager::{Manager, RunningManager};
