//! The store: one versioned map and one ordered log of its changes.
//!
//! A watcher sees each [`Revision`] once, in order, or is told that it fell behind and lists
//! again. The store knows keys and values, not pods; typed access is in `orchestrator-client`.
//! Start at [`Store`]. The suite that every store must pass is `orchestrator_testkit::store`;
//! the engines are in `orchestrator-store`.

mod error;
mod key;
mod lease;
mod range;
mod revision;
mod txn;
mod watch;

pub use error::{Recovery, StoreError};
pub use key::{Key, KeyRange, KeyValue};
pub use lease::{LeaseId, LeaseInfo, LeaseOp};
pub use range::{Range, RangeResponse};
pub use revision::Revision;
pub use txn::{Compare, Op, OpResult, Put, Relation, Target, Txn, TxnResponse};
pub use watch::{Event, WatchRequest, WatchStream, WatchUpdate};

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

/// A linearizable map from [`Key`] to [`Value`](crate::Value) that remembers the order of its changes.
///
/// # Contract
/// - **One order.** Each transaction that writes takes the revision after the newest; no gaps.
///   One that writes nothing takes none.
/// - **Read your write.** After `Ok`, every later read and watch shows the write.
/// - **All or nothing.** A transaction's writes appear together, in one revision; its checks
///   precede its writes, its reads see its own writes.
/// - **Watches** deliver each matching revision once, in order, whole; progress only when true.
///   A watcher never blocks a writer: one that falls too far behind ends with
///   [`Compacted`](StoreError::Compacted).
/// - **Leases** end their keys never before the TTL after the last keep-alive, in one revision.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Reads keys at one revision.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted), [`Future`](StoreError::Future) for a revision that
    /// is gone or not there yet.
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError>;

    /// Applies `txn` in one step.
    ///
    /// A value is at most [`MAX_VALUE_BYTES`], a branch at most [`MAX_TXN_OPS`] steps.
    ///
    /// # Cancellation
    /// Dropping the future leaves the outcome unknown.
    ///
    /// # Errors
    /// [`Unknown`](StoreError::Unknown): the write may still happen; any other: it did not.
    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError>;

    /// Watches keys from a revision.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted): the first revision is gone; list again.
    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError>;

    /// Makes, keeps, ends or tells of leases; a list of those concerned.
    ///
    /// # Errors
    /// [`LeaseNotFound`](StoreError::LeaseNotFound), [`LeaseExists`](StoreError::LeaseExists).
    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError>;

    /// Forgets what is older than `revision`, which itself can still be read.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted) if that was done before, [`Future`](StoreError::Future).
    async fn compact(&self, revision: Revision) -> Result<(), StoreError>;

    /// Tells how the store is.
    ///
    /// # Errors
    /// [`Unavailable`](StoreError::Unavailable).
    async fn status(&self) -> Result<StoreStatus, StoreError>;
}

/// How the store is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// The newest revision.
    pub revision: Revision,
    /// The oldest revision that can be read; watches can start after it.
    pub compacted: Revision,
    /// How many keys there are now.
    pub keys: u64,
    /// How many bytes the data takes, about.
    pub bytes: u64,
    /// The engine's name, as in `memory`.
    pub engine: &'static str,
}

/// The longest value: 1.5 MiB, etcd's limit on a request, which clients have learnt.
pub const MAX_VALUE_BYTES: usize = 1536 * 1024;

/// The most steps, and the most comparisons, in a branch of a transaction: etcd's limit.
pub const MAX_TXN_OPS: usize = 128;

/// How deep transactions nest: far more than any client uses, little enough for the stack.
pub const MAX_TXN_DEPTH: usize = 8;

/// The longest life of a lease: 9,000,000,000 s, etcd's limit.
pub const MAX_LEASE_TTL: Duration = Duration::from_secs(9_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Store) {}
}
