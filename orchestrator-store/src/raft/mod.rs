//! The Raft engine: several members agree on one order of commands, and each keeps it.
//!
//! Members speak through a [`network::Transport`].

pub mod network;
mod runtime;
