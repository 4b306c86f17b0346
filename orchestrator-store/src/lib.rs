//! Store engines over one versioned state machine.
//!
//! [`mvcc::Mvcc`] is the state machine; an engine decides how commands reach it. [`MemoryStore`]
//! applies them at once. The contract is [`orchestrator_core::Store`]; the suite that every
//! engine passes is `orchestrator_testkit::store`. What an operator asks of an engine beyond that
//! is [`Operator`].

#[cfg(feature = "durable")]
pub mod checkpoint;
pub mod compactor;
pub mod copy;
#[cfg(feature = "durable")]
pub mod disk;
#[cfg(feature = "durable")]
pub mod durable;
#[cfg(feature = "etcd")]
pub mod etcd;
#[cfg(feature = "etcd")]
pub mod face;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hub;
pub mod image;
pub mod memory;
pub mod mvcc;
pub mod operator;
mod options;
pub mod planted;
#[cfg(feature = "grpc")]
pub mod proto;
#[cfg(feature = "raft")]
pub mod raft;
mod replica;
#[cfg(feature = "simulation")]
pub mod sim;
#[cfg(feature = "durable")]
pub mod wal;
pub mod wire;

#[cfg(feature = "durable")]
pub use durable::DurableStore;
pub use memory::MemoryStore;
pub use mvcc::Limits;
pub use operator::Operator;
#[cfg(feature = "raft")]
pub use raft::RaftStore;
