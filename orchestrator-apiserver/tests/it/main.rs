//! The API as a function: requests straight to [`ApiService`], no socket in between.
//!
//! [`ApiService`]: orchestrator_core::ApiService

mod admission;
mod delete;
mod list;
mod patch;
mod services;
mod subresources;
mod support;
mod watch;
mod write;
