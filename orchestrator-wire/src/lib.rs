//! What the HTTPS servers of a cluster have in common: the API server and the node agent.
//!
//! [`listener`] takes connections, with TLS, limits, timeouts and a graceful end;
//! [`certificate`] tells who a client is and, for those who connect, takes a server that nobody
//! vouches for; [`session`] speaks the protocols of exec, attach and port-forward at both ends;
//! [`percent`] reads and writes what URLs escape.
//!
//! Everything that comes in is bounded: heads of requests, messages and frames by size, waiting
//! by timeouts, sessions and connections by count.

pub mod certificate;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod listener;
pub mod percent;
pub mod session;
