//! The Raft engine: several members agree on one order of commands, and each keeps it.
//!
//! A write becomes an entry of a log that a majority has on disk before anybody can see it; every
//! member applies the entries, in order, to its copy of the [state machine](crate::mvcc). What is
//! in the log decides everything: the time of leases is the leader's, limits and alarms are
//! entries. [`RaftStore`] is one member; the members speak through a [`network::Transport`].
//!
//! The consensus itself is openraft's, behind the trait of `agreement`; nothing of it shows in
//! what is public here. The log is [`crate::wal`], images are [`crate::image`].

mod agreement;
mod builder;
mod clock;
mod commands;
mod consensus;
mod engine;
mod error;
mod forward;
#[doc(hidden)]
pub mod fuzzing;
mod gathering;
mod identity;
mod inbox;
mod keeper;
mod log;
mod machine;
mod members;
mod message;
pub mod network;
mod once;
mod reads;
mod restore;
mod runtime;
mod snapshot;
mod start;
mod state;
mod store;
#[cfg(all(test, feature = "simulation"))]
mod tests;
mod turnstile;
mod types;
pub(crate) mod witness;

pub use builder::{Builder, InitialMember};
pub use error::StartError;
pub use store::RaftStore;
