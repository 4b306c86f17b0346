//! The HTTP face: bytes to [`ApiRequest`](orchestrator_core::ApiRequest)s and back.
//!
//! [`HttpService`] is a tower service over any request body; it needs no socket. It tells who
//! asks ([`crate::authn`]), reads path, query and body, hands the request to the
//! [`ApiServer`](crate::ApiServer) and writes the answer in the form that was negotiated
//! ([`crate::encode`]). [`serve`] puts it behind TLS; [`HttpService::serve_duplex`] behind any
//! connection of the same process. Two-way sessions (exec, attach, port-forward) leave HTTP by an
//! upgrade; they are in [`orchestrator_wire::session`].
//!
//! Everything that comes in is bounded: headers and paths by the HTTP library, bodies by
//! [`MAX_BODY_BYTES`], waiting by timeouts, sessions and connections by count.

mod answer;
mod body;
mod caller;
mod fixed;
mod media;
mod metrics;
pub(crate) mod path;
mod proxy;
pub(crate) mod query;
mod request;
mod service;
mod socket;

pub use body::MAX_BODY_BYTES;
pub use orchestrator_wire::listener::Serving;
pub use service::HttpService;
pub use socket::serve;
