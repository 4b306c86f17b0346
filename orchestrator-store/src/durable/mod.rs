//! The durable engine: one node, whose acknowledged writes survive `kill -9` and loss of power.
//!
//! A write becomes an entry of the [log](crate::wal). One task writes: a batch is whatever arrived
//! while the batch before was being synced, so one sync pays for many writes and none waits for a
//! timer. Only after its sync is a batch applied to the [state machine](crate::mvcc), which is what
//! readers and watchers see, and answered. Applying a batch goes on while the next one is synced.
//!
//! In the background a fork of the state becomes a [checkpoint](crate::checkpoint) whenever the
//! log has grown enough; two are kept, with the log since the older one. Opening loads the newest
//! good one and replays what follows. What decides about the state is in the log: commands with
//! the times at which they were made, limits, alarms. The store's time goes on from the newest
//! time in the log and stands still while the store is closed: leases live longer, never shorter.
//!
//! After an error of a write or a sync nothing is known about the disk: writes are refused from
//! then on, reads go on. A full disk is no such error, for space is reserved ahead: it raises an
//! alarm, under which only what frees space is taken.

mod apply;
mod builder;
mod checkpointer;
mod entry;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod inbox;
mod journal;
mod keeper;
mod open;
mod operator;
mod queue;
mod replay;
mod restore;
mod state;
#[cfg(test)]
mod tests;
mod writer;

pub use builder::Builder;
pub use open::OpenError;
#[cfg(feature = "raft")]
pub(crate) use restore::begin_leases_anew;

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::Env;
use orchestrator_core::env::{Task, Tasks};
use orchestrator_core::store::{
    LeaseInfo, LeaseOp, Range, RangeResponse, Revision, Store, StoreError, StoreStatus, Txn,
    TxnResponse, WatchRequest, WatchStream,
};
use parking_lot::Mutex;

use crate::mvcc::{Applied, Command};
use crate::replica::Replica;
use entry::{Answer, Request};
use queue::Queue;
use state::State;

/// The name in [`StoreStatus::engine`].
const ENGINE: &str = "durable";

/// A [`Store`] on disk.
///
/// # Examples
/// ```
/// use orchestrator_core::store::{Put, Revision};
/// use orchestrator_core::{Env, StoreExt, Value};
/// use orchestrator_store::DurableStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let store = DurableStore::builder().open_path(folder.path(), Env::system()).await?;
/// store.put_at(Put::new("shop/web", Value::from_bytes("{}")), Revision::ZERO).await?;
/// store.close().await;
/// let store = DurableStore::builder().open_path(folder.path(), Env::system()).await?;
/// assert!(store.get("shop/web").await?.1.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DurableStore {
    shared: Arc<Shared>,
    writer: Mutex<Option<Task<()>>>,
    /// The keeper and the checkpointer; they end with the store.
    _tasks: Tasks,
}

/// What the parts of a store share.
#[derive(Debug)]
struct Shared {
    env: Env,
    replica: Arc<Replica>,
    queue: Queue,
    /// What is beside keys and leases, as of the entry applied last.
    state: Mutex<State>,
    sizes: journal::Sizes,
    /// What opening found and made up: numbers that never change.
    identity: open::Identity,
}

impl DurableStore {
    /// Options for a store.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Finishes the writes that were taken, stops, and lets go of the folder.
    ///
    /// Writes that come later, or are on their way, are refused.
    pub async fn close(&self) {
        // Keeps the time up to which leases have lived; without it they live a little longer.
        let _ = self.shared.submit(Request::Command(Command::Expire)).await;
        self.shared.queue.stop();
        let writer = self.writer.lock().take();
        if let Some(writer) = writer {
            writer.await;
        }
        self.shared.replica.close();
    }

    async fn apply(&self, command: Command) -> Result<Applied, StoreError> {
        match self.shared.submit(Request::Command(command)).await? {
            Answer::Applied(applied) => Ok(applied),
            Answer::Alarms(_) => unreachable!("a command is answered as one"),
        }
    }
}

impl Drop for DurableStore {
    fn drop(&mut self) {
        self.shared.replica.close();
    }
}

#[async_trait]
impl Store for DurableStore {
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError> {
        self.shared.replica.range(&range)
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        let command = Command::Txn(txn);
        let applied = match command.is_read() {
            true => self.shared.read(command),
            false => self.apply(command).await,
        };
        match applied? {
            Applied::Txn(done) => Ok(done),
            _ => unreachable!("a transaction is answered as one"),
        }
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.shared.replica.watch(request)
    }

    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        let command = Command::Lease(op);
        let applied = match command.is_read() {
            true => self.shared.read(command),
            false => self.apply(command).await,
        };
        match applied? {
            Applied::Leases(leases) => Ok(leases),
            _ => unreachable!("a request about leases is answered as one"),
        }
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.apply(Command::Compact(revision)).await.map(drop)
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        Ok(self.shared.replica.read(|mvcc| mvcc.status(ENGINE)))
    }
}

impl Shared {
    /// Orders `request`, makes it safe, applies it.
    async fn submit(&self, request: Request) -> Result<Answer, StoreError> {
        if request.needs_space() && self.state.lock().is_out_of_space() {
            return Err(StoreError::NoSpace);
        }
        self.queue.submit(request).await
    }

    /// Applies a command that changes nothing: everything that can be seen is safe.
    fn read(&self, command: Command) -> Result<Applied, StoreError> {
        let at = self.replica.elapsed();
        self.replica.change(|mvcc| mvcc.apply(command, at))
    }
}
