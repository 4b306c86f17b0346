//! The durable engine on disks that are told what to do.

mod disk;
mod failures;
mod reopening;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::store::{
    KeyRange, LeaseId, Op, Put, Range, Revision, Store, StoreError, Txn, WatchStream, WatchUpdate,
};
use orchestrator_core::{Env, Value};

use super::*;
use disk::Faulty;

const S: Duration = Duration::from_secs(1);

/// A store in small files, on a disk that can fail.
async fn open(disk: &Arc<Faulty>) -> DurableStore {
    let disk: Arc<dyn crate::disk::Disk> = Arc::clone(disk) as _;
    small().open(disk, Env::simulated(1)).await.unwrap()
}

fn small() -> Builder {
    DurableStore::builder().segment_bytes(32 << 10).checkpoint_bytes(1 << 20)
}

fn disk(folder: &Path) -> Arc<Faulty> {
    Arc::new(Faulty::new(folder))
}

async fn put(store: &DurableStore, key: &str, text: &str) -> Result<Revision, StoreError> {
    leased(store, key, text, 0).await
}

async fn leased(
    store: &DurableStore,
    key: &str,
    text: &str,
    lease: LeaseId,
) -> Result<Revision, StoreError> {
    let value = Value::from_bytes(text.as_bytes().to_vec());
    let put = Put { lease: Some(lease), ..Put::new(key, value) };
    run(store, vec![Op::Put(put)]).await
}

async fn delete(store: &DurableStore, key: &str) -> Result<Revision, StoreError> {
    run(store, vec![Op::Delete(KeyRange::key(key))]).await
}

async fn run(store: &DurableStore, then: Vec<Op>) -> Result<Revision, StoreError> {
    Ok(store.txn(Txn { then, ..Txn::default() }).await?.revision)
}

/// All keys at `revision`, as `key=value key=value`.
async fn show(store: &DurableStore, revision: u64) -> String {
    let revision = Revision::new(revision);
    let range = Range { revision, ..Range::new(KeyRange::prefix("")) };
    match store.range(range).await {
        Ok(found) => {
            let shown = found.kvs.iter().map(|kv| {
                let key = String::from_utf8_lossy(kv.key.as_bytes());
                format!("{key}={}", String::from_utf8_lossy(kv.value.bytes()))
            });
            shown.collect::<Vec<_>>().join(" ")
        }
        Err(error) => error.to_string(),
    }
}

/// The next change of a watch, as `revision:number-of-events`.
async fn next(stream: &mut WatchStream) -> String {
    match futures::StreamExt::next(stream).await {
        Some(Ok(WatchUpdate::Events { revision, events })) => {
            format!("{revision}:{}", events.len())
        }
        other => format!("{other:?}"),
    }
}
