//! Store engines over one versioned state machine.
//!
//! [`mvcc::Mvcc`] is the state machine; an engine decides how commands reach it and keeps the
//! watchers informed. The contract is
//! [`orchestrator_core::Store`]; the suite that every engine passes is
//! `orchestrator_testkit::store`.

pub mod mvcc;
