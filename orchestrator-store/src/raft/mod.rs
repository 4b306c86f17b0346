//! The Raft engine: several members agree on one order of commands, and each keeps it.
//!
//! Members speak through a [`network::Transport`].

mod log;
mod machine;
mod message;
pub mod network;
mod runtime;
mod snapshot;
mod state;
mod types;
