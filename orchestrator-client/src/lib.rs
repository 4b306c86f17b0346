//! Typed clients and shared informers over the API, in process or remote.
//!
//! A [`Client`] wraps an [`ApiService`](orchestrator_core::ApiService): the server itself
//! (*direct*: a function call, no JSON) or a [`remote`] one (HTTPS). Everything else is the same
//! for both: [`Api`] reads and writes typed objects, [`Informers`] keep shared caches that follow
//! the API and know the revision they have reached, [`Recorder`] reports events.

pub mod api;
pub mod client;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod informer;
pub mod kind;
pub mod manifest;
pub mod recorder;
pub mod remote;
pub mod writes;

/// The scopes that [`custom_kind!`] takes.
pub mod scope {
    pub use k8s_openapi::ClusterResourceScope as Cluster;
    pub use k8s_openapi::NamespaceResourceScope as Namespace;
}

pub use api::{Api, DeleteOptions, Listing, Patch, Selection};
pub use client::Client;
pub use informer::{Cache, INDEX_OWNER, Informer, Informers};
pub use kind::{Kind, KindExt, gvr, gvr_of};
pub use manifest::{Applied, Manifest, ManifestError};
pub use recorder::{Recorder, reference};
pub use remote::{ConfigError, RemoteConfig};
pub use writes::{Write, record_writes};
