//! Kubernetes as a Rust library: a whole control plane and its nodes inside your process.
//!
//! A [`Cluster`] joins a store, the API server, the controllers, the scheduler and any number of
//! nodes. It needs no socket, no file and no other program, is up in milliseconds, and speaks the
//! real Kubernetes API to `kubectl`, kube-rs and every other client once it [serves](Cluster::serve).
//!
//! ```
//! use orchestrator::Cluster;
//! use orchestrator::client::Selection;
//! use k8s_openapi::api::core::v1::Namespace;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::builder().simulated(7).simulated_nodes(3).start().await?;
//! cluster.settle().await;
//! let namespaces = cluster.client().api::<Namespace>().list(&Selection::default()).await?;
//! assert_eq!(namespaces.items.len(), 4);
//! # Ok(())
//! # }
//! ```
//!
//! The crates underneath are re-exported: [`core`] has the words and the five traits, the others
//! one part each. This crate only puts them together.

pub mod cluster;

pub use cluster::{Builder, Cluster, Part, StartError};

/// The words of the system: objects, requests, errors, `Env`, and the five traits.
pub use orchestrator_core as core;

/// The built-in kinds.
pub use orchestrator_kinds as kinds;

/// Typed clients, informers, manifests.
pub use orchestrator_client as client;

/// Store engines.
pub use orchestrator_store as store;

/// The API server.
pub use orchestrator_apiserver as apiserver;

/// The scheduler.
pub use orchestrator_sched as sched;

/// The controller runtime and the built-in controllers.
pub use orchestrator_controllers as controllers;

/// The node agent and its runtimes.
pub use orchestrator_runtime as runtime;

/// Real containers, with containerd.
#[cfg(feature = "containerd")]
pub use orchestrator_containerd as containerd;

/// What the HTTPS servers of a cluster have in common.
pub use orchestrator_wire as wire;

/// The service proxy.
pub use orchestrator_proxy as proxy;
