//! The API as a function (requests straight to [`ApiService`], no socket in between), and the
//! same over HTTP.
//!
//! [`ApiService`]: orchestrator_core::ApiService

mod admission;
mod claims;
mod cluster;
mod custom;
mod delete;
mod http_discovery;
mod http_hostile;
mod http_proxy;
mod http_rest;
mod http_streams;
mod http_tls;
mod http_watch;
mod list;
mod patch;
mod policies;
mod rights;
mod services;
mod subresources;
mod support;
mod watch;
mod webhooks;
mod write;
