//! The durable engine against the suite, on a folder of the host.

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::{Env, Store};
use orchestrator_store::DurableStore;
use orchestrator_store::durable::Builder;
use orchestrator_testkit::store::{self, Home};
use parking_lot::Mutex;
use tempfile::TempDir;

/// A folder for one store, in files so small that every run has several of each kind.
struct Folder {
    folder: TempDir,
    open: Option<Arc<DurableStore>>,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), open: None }
    }

    fn options() -> Builder {
        DurableStore::builder().segment_bytes(4096).checkpoint_bytes(2048)
    }
}

#[async_trait]
impl Home for Folder {
    async fn open(&mut self) -> Arc<dyn Store> {
        if let Some(store) = self.open.take() {
            store.close().await;
        }
        let store = Self::options().open_path(self.folder.path(), Env::simulated(7)).await;
        let store = Arc::new(store.expect("the store opens"));
        self.open = Some(Arc::clone(&store));
        store
    }
}

#[tokio::test(start_paused = true)]
async fn the_durable_store_conforms() {
    let folders = Mutex::new(Vec::new());
    store::conforms_opened(async || {
        let mut folder = Folder::new();
        let store = folder.open().await;
        folders.lock().push(folder);
        store
    })
    .await;
    store::keeps_the_compacted_revision(Folder::new().open().await).await;
}

#[tokio::test(start_paused = true)]
async fn the_durable_store_survives_reopening() {
    store::survives_reopening(Folder::new).await;
}

#[test]
fn the_durable_store_agrees_with_the_model_across_reopening() {
    store::agrees_with_the_model_across_reopening(Folder::new);
}
