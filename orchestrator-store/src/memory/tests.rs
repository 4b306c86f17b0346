use std::time::Duration;

use super::*;
use futures::FutureExt;
use futures::StreamExt;
use orchestrator_core::store::{KeyRange, LeaseId, Op, Put, Recovery, WatchUpdate};
use orchestrator_core::{StoreExt, Value};

const S: Duration = Duration::from_secs(1);

fn value(text: &str) -> Value {
    Value::from_bytes(text.as_bytes().to_vec())
}

async fn put(store: &MemoryStore, key: &str, lease: LeaseId) -> Revision {
    let put = Put { lease: Some(lease), ..Put::new(key, value("v")) };
    store.txn(Txn { then: vec![Op::Put(put)], ..Txn::default() }).await.unwrap().revision
}

async fn watch(store: &MemoryStore) -> WatchStream {
    let request = WatchRequest::new(KeyRange::prefix(""), Revision::ZERO);
    store.watch(request.with_progress(60 * S)).await.unwrap()
}

async fn next(stream: &mut WatchStream) -> String {
    match stream.next().await {
        None => "end".into(),
        Some(Err(error)) => error.to_string(),
        Some(Ok(WatchUpdate::Progress(revision))) => format!("{revision}!"),
        Some(Ok(WatchUpdate::Events { revision, events })) => {
            format!("{revision}:{}", events.len())
        }
    }
}

fn store() -> MemoryStore {
    MemoryStore::new(Env::simulated(1))
}

#[test]
fn a_store_needs_no_runtime_until_there_is_a_lease() {
    let store = store();
    put(&store, "a", 0).now_or_never().unwrap();
    assert_eq!(store.count(KeyRange::prefix("")).now_or_never().unwrap().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn leases_end_at_their_time_and_never_before() {
    let store = store();
    for (id, ttl) in [(1, 10), (2, 5)] {
        store.lease(LeaseOp::Grant { id, ttl: ttl * S }).await.unwrap();
        put(&store, &format!("k{id}"), id).await;
    }
    let mut stream = watch(&store).await;
    let start = store.replica.env.instant();
    assert_eq!(next(&mut stream).await, "4:1");
    assert_eq!(start.elapsed(), 5 * S);
    store.lease(LeaseOp::KeepAlive(1)).await.unwrap();
    assert_eq!(next(&mut stream).await, "5:1");
    assert_eq!(start.elapsed(), 15 * S);
    assert_eq!(store.count(KeyRange::prefix("")).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_fork_goes_its_own_way_and_keeps_its_leases() {
    let store = store();
    store.lease(LeaseOp::Grant { id: 7, ttl: 10 * S }).await.unwrap();
    put(&store, "a", 7).await;
    put(&store, "b", 0).await;
    let fork = store.fork(Env::simulated(2));
    let past = store.fork_at(Env::simulated(3), Revision::new(2)).unwrap();
    drop(store);
    put(&fork, "c", 0).await;
    let count = async |store: &MemoryStore| store.count(KeyRange::prefix("")).await.unwrap();
    assert_eq!((count(&fork).await, count(&past).await), (3, 1));
    tokio::time::sleep(11 * S).await;
    assert_eq!((count(&fork).await, count(&past).await), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_idle_watcher_is_told_of_progress_in_time_or_on_demand() {
    let store = store();
    let mut stream = watch(&store).await;
    let start = store.replica.env.instant();
    put(&store, "a", 0).await;
    assert_eq!(next(&mut stream).await, "2:1");
    assert_eq!((next(&mut stream).await, start.elapsed()), ("2!".into(), 60 * S));
    assert!(stream.next().now_or_never().is_none());
    store.progress();
    assert_eq!((next(&mut stream).await, start.elapsed()), ("2!".into(), 60 * S));
    assert_eq!((next(&mut stream).await, start.elapsed()), ("2!".into(), 120 * S));
}

#[tokio::test(start_paused = true)]
async fn work_is_in_progress_until_a_watcher_has_taken_it_and_comes_back() {
    let store = store();
    let activity = store.replica.env.activity().clone();
    let mut stream = watch(&store).await;
    assert!(stream.next().now_or_never().is_none());
    assert_eq!(activity.busy(), 0);
    put(&store, "a", 0).await;
    assert_eq!(activity.busy(), 1);
    assert_eq!(next(&mut stream).await, "2:1");
    assert_eq!(activity.busy(), 1);
    assert!(stream.next().now_or_never().is_none());
    assert_eq!(activity.busy(), 0);
    put(&store, "a", 0).await;
    drop(stream);
    assert_eq!(activity.busy(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_store_ends_its_watches_and_its_task() {
    let store = store();
    store.lease(LeaseOp::Grant { id: 0, ttl: S }).await.unwrap();
    let (mut idle, mut behind) = (watch(&store).await, watch(&store).await);
    assert!(idle.next().now_or_never().is_none());
    put(&store, "a", 0).await;
    let replica = Arc::downgrade(&store.replica);
    let activity = store.replica.env.activity().clone();
    drop(store);
    assert_eq!(activity.busy(), 0);
    for stream in [&mut idle, &mut behind] {
        assert_eq!(next(stream).await, "store unavailable");
        assert_eq!(next(stream).await, "end");
    }
    drop((idle, behind));
    tokio::task::yield_now().await;
    assert!(replica.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn history_is_kept_for_its_time() {
    let store = MemoryStore::builder().keep_history(300 * S).build(Env::simulated(1));
    put(&store, "a", 0).await;
    tokio::time::sleep(100 * S).await;
    put(&store, "a", 0).await;
    tokio::time::sleep(199 * S).await;
    assert!(store.snapshot(Revision::new(1)).is_ok());
    tokio::time::sleep(102 * S).await;
    assert_eq!(store.status().await.unwrap().compacted, Revision::new(2));
    let error = store.watch(WatchRequest::new(KeyRange::prefix(""), Revision::new(1))).await;
    assert_eq!(error.err().unwrap().recovery(), Recovery::AfterRelist);
}

#[tokio::test(start_paused = true)]
async fn the_pages_of_a_list_are_of_one_revision() {
    let store = store();
    for name in ["a", "b", "c", "d"] {
        put(&store, name, 0).await;
    }
    let first = store.list(KeyRange::prefix(""), Revision::ZERO, 2).await.unwrap();
    put(&store, "c", 0).await;
    let rest = KeyRange { start: "b\0".into(), end: Some("\0".into()) };
    let second = store.list(rest, first.revision, 2).await.unwrap();
    assert_eq!((first.count, first.more, second.more), (4, true, false));
    assert!(second.kvs.iter().all(|kv| kv.version == 1) && second.kvs.len() == 2);
}
