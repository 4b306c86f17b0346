//! The API server: requests to revisions, as a function of one process and over HTTP.
//!
//! [`ApiServer`] implements [`ApiService`](orchestrator_core::ApiService) on any
//! [`Store`](orchestrator_core::Store). Every request, from a socket or from the same process,
//! takes one path: `pipeline` resolves the resource, authorises, and hands over to one verb in
//! `rest`, one part of an object in `subresource`, or one question in `reviews`; writes pass the
//! [`admission`] chain and the kind's [`Strategy`](orchestrator_core::resource::Strategy) before
//! the store. The server knows no kind besides the [`Registry`] it is built with, so an embedder
//! can serve more, fewer or other kinds.
//!
//! Start at [`ApiServer::builder`].

pub mod admission;
pub mod authn;
pub mod authz;
pub mod encode;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod http;

mod alloc;
mod bootstrap;
mod builder;
mod custom;
mod discovery;
pub mod kubelet;
pub mod openapi;
pub mod outbound;
mod pipeline;
mod registry;
mod rest;
mod reviews;
mod server;
mod subresource;
pub mod tls;

pub use builder::Builder;
pub use registry::{Objects, Registry, Resource};
pub use server::ApiServer;
pub use subresource::token::{IssuedToken, TokenIdentity, TokenIssuer, TokenSpec};
