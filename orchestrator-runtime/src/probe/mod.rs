//! Probes and hooks: asking a container how it is, and telling it what happens.
//!
//! A [`Handler`] is one question or message: a command, an HTTP request, a connection, a gRPC
//! health check. [`Prober`] asks it again and again, and tells its owner when the answer, by the
//! probe's thresholds, has changed.

mod grpc;
mod handler;
mod http;
mod prober;
mod threshold;
mod tls;

pub use handler::{Handler, Outcome, Target};
pub use prober::{Prober, ProberSpec, Verdict};
pub use threshold::{Counter, Kind};
