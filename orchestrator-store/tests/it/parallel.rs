//! The memory engine on several threads at a time.

use std::sync::Arc;

use futures::StreamExt;
use orchestrator_core::store::{KeyRange, Put, Revision, WatchRequest, WatchUpdate};
use orchestrator_core::store_ext::Swap;
use orchestrator_core::{Env, Store, StoreExt, Value};
use orchestrator_store::MemoryStore;

const WRITERS: u64 = 4;
const WRITES: u64 = 500;
const WATCHERS: u64 = 4;

/// Counts one key up by compare-and-swap, again and again.
async fn count_up(store: Arc<MemoryStore>) {
    let (_, present) = store.get("counter").await.unwrap();
    let mut seen = present.map_or((Revision::ZERO, 0), |kv| (kv.mod_revision, kv.version));
    for _ in 0..WRITES {
        loop {
            let next = Value::from_bytes((seen.1 + 1).to_string());
            match store.put_at(Put::new("counter", next), seen.0).await.unwrap() {
                Swap::Done(revision) => {
                    seen = (revision, seen.1 + 1);
                    break;
                }
                Swap::Conflict { current, .. } => {
                    let current = current.expect("nobody deletes it");
                    seen = (current.mod_revision, current.version);
                }
            }
        }
    }
}

/// Sees every count once and in order, whenever it starts.
async fn see_all(store: Arc<MemoryStore>) {
    let request = WatchRequest::new(KeyRange::prefix("c"), Revision::new(2));
    let mut stream = store.watch(request).await.unwrap();
    for count in 1..=WRITERS * WRITES {
        let WatchUpdate::Events { revision, events } = stream.next().await.unwrap().unwrap() else {
            panic!("nobody asked for progress");
        };
        assert_eq!(revision.get(), count + 1);
        assert_eq!((events.len(), events[0].kv.version), (1, count));
        assert_eq!(events[0].kv.value, Value::from_bytes(count.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_write_is_lost_and_each_watcher_sees_each_once() {
    let env = Env::system();
    let store = Arc::new(MemoryStore::new(env.clone()));
    let writers: Vec<_> =
        (0..WRITERS).map(|_| env.spawn("writer", count_up(Arc::clone(&store)))).collect();
    let watchers: Vec<_> =
        (0..WATCHERS).map(|_| env.spawn("watcher", see_all(Arc::clone(&store)))).collect();
    for task in writers.into_iter().chain(watchers) {
        task.await.expect("no task panics");
    }
    env.activity().idle().await;
}
