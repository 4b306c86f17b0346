//! Store engines over one versioned state machine.
//!
//! [`mvcc::Mvcc`] is the state machine; an engine decides how commands reach it. [`MemoryStore`]
//! applies them at once. The contract is [`orchestrator_core::Store`]; the suite that every
//! engine passes is `orchestrator_testkit::store`.

mod hub;
pub mod memory;
pub mod mvcc;

pub use memory::MemoryStore;
pub use mvcc::Limits;
