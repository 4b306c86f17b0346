//! An outsider's [`Store`]: it wraps another one and records every write.
//!
//! Six methods make a store; `StoreExt` and everything above it then work on it, and the suite
//! of the testkit tells whether it keeps the contract. Run it with
//! `cargo run -p orchestrator-store --example recording_store`.

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::store::{
    KeyRange, LeaseInfo, LeaseOp, OpResult, Put, Range, RangeResponse, Revision, Store, StoreError,
    StoreStatus, Txn, TxnResponse, WatchRequest, WatchStream,
};
use orchestrator_core::store_ext::Swap;
use orchestrator_core::{Env, StoreExt, Value};
use orchestrator_store::MemoryStore;
use parking_lot::Mutex;

/// A store that remembers which transactions wrote something, and in which revision.
#[derive(Debug)]
struct Recording<S> {
    inner: S,
    writes: Mutex<Vec<(Revision, Txn)>>,
}

impl<S> Recording<S> {
    fn new(inner: S) -> Self {
        Self { inner, writes: Mutex::default() }
    }
}

fn wrote(done: &TxnResponse) -> bool {
    done.results.iter().any(|result| match result {
        OpResult::Range(_) => false,
        OpResult::Put { .. } => true,
        OpResult::Delete { prev } => !prev.is_empty(),
        OpResult::Txn(inner) => wrote(inner),
    })
}

#[async_trait]
impl<S: Store> Store for Recording<S> {
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError> {
        self.inner.range(range).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        let done = self.inner.txn(txn.clone()).await?;
        if wrote(&done) {
            self.writes.lock().push((done.revision, txn));
        }
        Ok(done)
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.inner.watch(request).await
    }

    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        self.inner.lease(op).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.inner.compact(revision).await
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        self.inner.status().await
    }
}

// The clock stands still unless all wait, so that the suite's leases run out at once.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), StoreError> {
    let make = || Arc::new(Recording::new(MemoryStore::new(Env::system())));
    orchestrator_testkit::store::conforms(|| make()).await;

    let recording = make();
    let store: Arc<dyn Store> = Arc::clone(&recording) as _;

    let made = store.put_at(Put::new("shop/web", Value::from_bytes("{}")), Revision::ZERO).await?;
    let again = store.put_at(Put::new("shop/web", Value::from_bytes("{}")), Revision::ZERO).await?;
    assert!(matches!((&made, &again), (Swap::Done(_), Swap::Conflict { .. })));
    store.delete_at("shop/web", Revision::new(2)).await?;
    assert_eq!(store.count(KeyRange::prefix("shop/")).await?, 0);

    for (revision, txn) in recording.writes.lock().iter() {
        println!("{revision}: {:?}", txn.then);
    }
    Ok(())
}
