//! Makes a new store of an image, before anybody opens it.
//!
//! The image becomes the checkpoint before the first entry of the log. The identity is written
//! last: a folder whose restoring was broken off is refused as damaged, never taken for a store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::store::LeaseOp;

use super::open::{self, IDENTITY, Identity};
use super::state::State;
use super::{Builder, OpenError};
use crate::checkpoint::{self, Writing};
use crate::disk::{Disk, Files};
use crate::mvcc::Mvcc;
use crate::planted::Planted;
use crate::wal;

/// Makes a store of `mvcc` in the empty folder `path`.
pub(super) async fn restore(
    options: Builder,
    path: &Path,
    mvcc: Mvcc,
    env: Env,
) -> Result<(), OpenError> {
    let identity = Identity::new(&options, &env);
    let path = path.to_owned();
    let shown = path.display().to_string();
    env.blocking(move || {
        let disk = Files::new(path).map_err(OpenError::io(&shown))?;
        fill(Arc::new(disk), &identity, mvcc)
    })
    .await
}

fn fill(disk: Arc<dyn Disk>, identity: &Identity, mut mvcc: Mvcc) -> Result<(), OpenError> {
    let _lock = open::lock(&*disk)?;
    if !checkpoint::list(&*disk)?.is_empty() || wal::load_record(&*disk, IDENTITY)?.is_some() {
        let there = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(OpenError::io("a store that is there already")(there));
    }
    begin_leases_anew(&mut mvcc);
    let write = || {
        let meta = State::default().encode();
        let mut writing = Writing::begin(Arc::clone(&disk), 0, mvcc, meta, Planted::NONE)?;
        while writing.step()? {}
        wal::store_record(&*disk, IDENTITY, &identity.encode(), Planted::NONE)
    };
    write().map_err(OpenError::io("the checkpoint of the image"))
}

/// The new store's time begins at zero, whatever that of the old one was.
pub(crate) fn begin_leases_anew(mvcc: &mut Mvcc) {
    for lease in mvcc.leases().list(Duration::ZERO) {
        mvcc.lease(LeaseOp::KeepAlive(lease.id), Duration::ZERO).expect("the lease is listed");
    }
}

#[cfg(test)]
mod tests {
    use orchestrator_core::store::{KeyRange, Op, Put, Revision, Store, Txn, WatchRequest};
    use orchestrator_core::{StoreExt, Value};

    use super::super::DurableStore;
    use super::*;
    use crate::Operator;
    use crate::image::Importer;
    use crate::mvcc::Limits;
    use futures::StreamExt;

    async fn put(store: &DurableStore, key: &str, lease: i64) -> Revision {
        let put = Put { lease: Some(lease), ..Put::new(key, Value::from_bytes("v")) };
        store.txn(Txn { then: vec![Op::Put(put)], ..Txn::default() }).await.unwrap().revision
    }

    #[tokio::test]
    async fn a_restored_store_goes_on_with_revisions_history_and_leases() {
        let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name);
        let first = DurableStore::builder().open_path(at("a"), env.clone()).await.unwrap();
        let ttl = Duration::from_secs(600);
        first.lease(LeaseOp::Grant { id: 5, ttl }).await.unwrap();
        let old = put(&first, "a", 0).await;
        let newest = put(&first, "b", 5).await;
        let mut importer = Importer::new(Limits::default());
        let mut image = first.image().await.unwrap();
        while let Some(piece) = image.next().await {
            importer.push(piece.unwrap()).unwrap();
        }
        let (mvcc, _) = importer.finish().unwrap();
        let builder = DurableStore::builder();
        builder.clone().restore_path(at("b"), mvcc.fork(), env.clone()).await.unwrap();
        let twice = builder.clone().restore_path(at("b"), mvcc, env.clone()).await;
        assert!(twice.is_err(), "a store is never written over");

        for _ in 0..2 {
            let second = builder.clone().open_path(at("b"), env.clone()).await.unwrap();
            assert!(second.status().await.unwrap().revision >= newest);
            let then = second.list(KeyRange::prefix("a"), old, 0).await.unwrap();
            assert_eq!(then.kvs.len(), 1);
            let mut watch = second.watch(WatchRequest::new(KeyRange::key("b"), old)).await.unwrap();
            assert!(watch.next().await.unwrap().is_ok());
            let lease = second.lease(LeaseOp::Describe(5)).await.unwrap().remove(0);
            assert!(lease.remaining > ttl / 2 && lease.remaining <= ttl, "{lease:?}");
            put(&second, "c", 0).await;
            second.close().await;
        }
    }
}
