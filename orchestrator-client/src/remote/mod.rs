//! A server somewhere else, through the same trait as one in this process.
//!
//! [`RemoteService`] turns each request into HTTP over TLS and each answer back into objects, so
//! the controllers, the scheduler and the node agent run unchanged against any Kubernetes API
//! server. Exec, attach and port-forward are not for parts of the system, and are not served here.

mod answer;
mod config;
mod connect;
mod discovery;
mod frames;
mod path;
mod service;

pub use config::{ConfigError, RemoteConfig};
pub use discovery::{Discovered, DiscoveryError, discover};
pub use service::RemoteService;
