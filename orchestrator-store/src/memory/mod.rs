//! The memory engine: commands reach the state machine through a lock, and nothing is durable.
//!
//! A store is cheap: no task runs until there is a lease or an age limit, and then one. Reads of
//! more than one key copy a pointer under the lock and read outside it, so that a long list stops
//! no writer. [Forking](MemoryStore::fork) copies pointers too. Dropping the store ends its
//! watches, its task and its data.

mod operator;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::Env;
use orchestrator_core::env::Task;
use orchestrator_core::store::{
    LeaseInfo, LeaseOp, Range, RangeResponse, Revision, Store, StoreError, StoreStatus, Txn,
    TxnResponse, WatchRequest, WatchStream,
};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::mvcc::{Mvcc, Snapshot, make_values};
use crate::operator::Alarm;
use crate::options::{Common, common_options};
use crate::replica::{Replica, timer};

/// The name in [`StoreStatus::engine`].
const ENGINE: &str = "memory";

/// A [`Store`] in memory.
///
/// # Examples
/// ```
/// use orchestrator_core::store::{KeyRange, Put, Revision};
/// use orchestrator_core::{Env, StoreExt, Value};
/// use orchestrator_store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new(Env::system());
/// store.put_at(Put::new("shop/web", Value::from_bytes("{}")), Revision::ZERO).await?;
/// assert_eq!(store.count(KeyRange::prefix("shop/")).await?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    replica: Arc<Replica>,
    /// Limits and age limit, which a fork takes over.
    options: Builder,
    timer: Mutex<Option<Task<()>>>,
    alarms: Mutex<BTreeSet<Alarm>>,
}

/// The options of a [`MemoryStore`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    common: Common,
}

impl Builder {
    common_options!();

    /// Makes the store, empty.
    pub fn build(self, env: Env) -> MemoryStore {
        let mvcc = Mvcc::new(self.common.limits.clone());
        self.build_from(env, mvcc)
    }

    /// Makes a store that goes on where `mvcc` ends, as an [image](crate::image) has brought it
    /// here; its time begins at zero.
    pub fn build_from(self, env: Env, mvcc: Mvcc) -> MemoryStore {
        let epoch = env.instant();
        MemoryStore::assemble(env, epoch, mvcc, self)
    }
}

impl MemoryStore {
    /// An empty store with the default limits. It needs no tokio runtime before the first lease.
    pub fn new(env: Env) -> Self {
        Self::builder().build(env)
    }

    /// Options for a store.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A copy that goes its own way from here, without the watches; costs a few pointers.
    ///
    /// Its leases end when those of this store do, on the same clock.
    pub fn fork(&self, env: Env) -> Self {
        let mvcc = self.replica.read(Mvcc::fork);
        Self::assemble(env, self.replica.epoch, mvcc, self.options.clone())
    }

    /// A copy as the store was at `revision`; see [`Mvcc::fork_at`] for what becomes of leases.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted), [`Future`](StoreError::Future).
    pub fn fork_at(&self, env: Env, revision: Revision) -> Result<Self, StoreError> {
        // The pointers under the lock, what is to be taken back outside it.
        let mvcc = self.replica.read(Mvcc::fork).fork_at(revision)?;
        Ok(Self::assemble(env, self.replica.epoch, mvcc, self.options.clone()))
    }

    /// All keys at `revision`, zero for the newest, to be read without the store.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted), [`Future`](StoreError::Future).
    pub fn snapshot(&self, revision: Revision) -> Result<Snapshot, StoreError> {
        self.replica.read(|mvcc| mvcc.snapshot(revision))
    }

    /// Gives each watcher whose request asks for progress one progress item as soon as it has
    /// everything, without waiting for its time.
    pub fn progress(&self) {
        self.replica.demand_progress(&[]);
    }

    fn assemble(env: Env, epoch: Instant, mvcc: Mvcc, options: Builder) -> Self {
        let has_leases = !mvcc.leases().is_empty();
        let replica = Arc::new(Replica::new(env, epoch, mvcc, options.common.keep_history));
        let store = Self { replica, options, timer: Mutex::new(None), alarms: Mutex::default() };
        if has_leases {
            store.ensure_timer();
        }
        store
    }

    fn ensure_timer(&self) {
        let mut timer = self.timer.lock();
        if timer.is_none() {
            let task = timer::run(Arc::clone(&self.replica));
            *timer = Some(self.replica.env.spawn("store-timer", task));
        }
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.replica.close();
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError> {
        self.replica.range(&range)
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        if self.options.common.keep_history.is_some() {
            self.ensure_timer();
        }
        // Outside the lock: whoever applies the transaction needs the bytes.
        make_values(&txn);
        self.replica.change(|mvcc| mvcc.txn(txn))
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.replica.watch(request)
    }

    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        let at = self.replica.elapsed();
        if matches!(op, LeaseOp::List) {
            let leases = self.replica.read(|mvcc| mvcc.leases().clone());
            return Ok(leases.list(at));
        }
        let grants = matches!(op, LeaseOp::Grant { .. });
        let answer = self.replica.change(|mvcc| mvcc.lease(op, at))?;
        if grants {
            self.ensure_timer();
            self.replica.timer.notify_one();
        }
        Ok(answer)
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.replica.change(|mvcc| mvcc.compact(revision))
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        Ok(self.replica.read(|mvcc| mvcc.status(ENGINE)))
    }
}
