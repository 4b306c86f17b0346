//! Commands: everything that changes the state machine, as data that an engine can order,
//! agree on and keep.

use std::time::Duration;

use orchestrator_core::store::{
    LeaseInfo, LeaseOp, Op, Put, Revision, StoreError, Txn, TxnResponse,
};
use orchestrator_core::value::Value;

use super::{Mvcc, check};

/// One change, or attempt at one.
///
/// The same commands at the same times make the same state, answers and events.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// A transaction.
    Txn(Txn),
    /// A request about leases.
    Lease(LeaseOp),
    /// Ends the first lease that is over; an engine repeats it until none is.
    Expire,
    /// Forgets what is older than the revision.
    Compact(Revision),
}

impl Command {
    /// Checks what does not depend on the state, before the command is ordered and kept.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid), [`TooLarge`](StoreError::TooLarge): every state machine
    /// would refuse it.
    pub fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Txn(txn) => check::txn(txn),
            Self::Lease(_) | Self::Expire | Self::Compact(_) => Ok(()),
        }
    }
}

impl Command {
    /// Whether it may make the data grow; such are refused while there is no space.
    pub fn needs_space(&self) -> bool {
        match self {
            Self::Txn(txn) => any_op(txn, &|op| matches!(op, Op::Put(_))),
            Self::Lease(op) => matches!(op, LeaseOp::Grant { .. }),
            Self::Expire | Self::Compact(_) => false,
        }
    }

    /// Whether it changes nothing, whatever the state.
    pub fn is_read(&self) -> bool {
        match self {
            Self::Txn(txn) => !any_op(txn, &|op| matches!(op, Op::Put(_) | Op::Delete(_))),
            Self::Lease(op) => matches!(op, LeaseOp::Describe(_) | LeaseOp::List),
            Self::Expire | Self::Compact(_) => false,
        }
    }
}

/// Makes the bytes of all values that `txn` may put.
pub(crate) fn make_values(txn: &Txn) {
    values(txn, &mut |value| {
        value.bytes();
    });
}

/// The bytes of all values that `command` may put, which are made.
pub(crate) fn value_bytes(command: &Command) -> usize {
    let Command::Txn(txn) = command else { return 0 };
    let mut bytes = 0;
    values(txn, &mut |value| bytes += value.bytes().len());
    bytes
}

/// Shows each value that `txn` may put.
fn values(txn: &Txn, visit: &mut dyn FnMut(&Value)) {
    for op in txn.then.iter().chain(&txn.otherwise) {
        match op {
            Op::Put(Put { value: Some(value), .. }) => visit(value),
            Op::Txn(inner) => values(inner, visit),
            _ => {}
        }
    }
}

/// Whether `wanted` is true of a step of `txn`, or of a transaction in it.
fn any_op(txn: &Txn, wanted: &dyn Fn(&Op) -> bool) -> bool {
    txn.then.iter().chain(&txn.otherwise).any(|op| match op {
        Op::Txn(inner) => any_op(inner, wanted),
        op => wanted(op),
    })
}

/// What a command answers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Applied {
    /// What a transaction did.
    Txn(TxnResponse),
    /// The leases concerned.
    Leases(Vec<LeaseInfo>),
    /// Nothing to tell.
    Done,
}

impl Mvcc {
    /// Applies `command` at `at`, counted from the store's own start.
    ///
    /// A command makes one revision at most; [`Mvcc::events`] then tells its events.
    ///
    /// # Errors
    /// The command was refused; nothing has changed.
    pub fn apply(&mut self, command: Command, at: Duration) -> Result<Applied, StoreError> {
        match command {
            Command::Txn(txn) => self.txn(txn).map(Applied::Txn),
            Command::Lease(op) => self.lease(op, at).map(Applied::Leases),
            Command::Expire => Ok(Applied::Leases(self.expire(at).into_iter().collect())),
            Command::Compact(revision) => self.compact(revision).map(|()| Applied::Done),
        }
    }
}
