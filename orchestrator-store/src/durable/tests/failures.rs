//! The durable engine under failures of the disk, and after them.

use super::*;
use crate::operator::{AlarmKind, AlarmOp, Operator};
use futures::FutureExt;
use orchestrator_core::store::WatchRequest;
use std::sync::atomic::Ordering;

#[tokio::test(start_paused = true)]
async fn one_sync_pays_for_all_that_came_during_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let store = Arc::new(open(&disk).await);
    put(&store, "first", "1").await.unwrap();
    let before = disk.faults.syncs.load(Ordering::SeqCst);
    let writes = (0..10).map(|n| {
        let store = Arc::clone(&store);
        async move { put(&store, &n.to_string(), "1").await.unwrap() }
    });
    let revisions = futures::future::join_all(writes).await;
    assert_eq!(revisions.last().unwrap().get(), 12);
    let syncs = disk.faults.syncs.load(Ordering::SeqCst) - before;
    assert!(syncs <= 2, "{syncs} syncs for ten writes");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_seen_before_it_is_safe() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let store = open(&disk).await;
    let request = WatchRequest::new(KeyRange::prefix(""), Revision::ZERO);
    let mut stream = store.watch(request).await.unwrap();
    let mut writing = Box::pin(put(&store, "a", "1"));
    assert!(writing.as_mut().now_or_never().is_none());
    tokio::task::yield_now().await;
    assert_eq!(show(&store, 0).await, "");
    writing.await.unwrap();
    assert_eq!((show(&store, 0).await, next(&mut stream).await), ("a=1".into(), "2:1".into()));
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_caller_went_away_still_counts() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let store = open(&disk).await;
    assert!(put(&store, "a", "1").now_or_never().is_none());
    put(&store, "b", "1").await.unwrap();
    assert_eq!(show(&store, 0).await, "a=1 b=1");
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_ends_all_writing_and_reads_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let store = open(&disk).await;
    put(&store, "a", "1").await.unwrap();
    disk.faults.sync_fails.store(true, Ordering::SeqCst);
    let lost = put(&store, "b", "1").await;
    assert!(matches!(lost, Err(StoreError::Unknown(_))), "{lost:?}");
    disk.faults.sync_fails.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        let refused = put(&store, "c", "1").await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    assert_eq!(show(&store, 0).await, "a=1");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_takes_what_frees_space_until_there_is_space_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let store = open(&disk).await;
    put(&store, "a", "1").await.unwrap();
    disk.faults.full.store(true, Ordering::SeqCst);
    let mut written = 0;
    while put(&store, "b", &"x".repeat(4000)).await.is_ok() {
        written += 1;
        assert!(written < 20, "the space in reserve is not used up");
    }
    assert!(written > 5, "the reserve is there to be used");
    let raised = store.alarm(AlarmOp::List).await.unwrap();
    assert_eq!(raised.iter().map(|alarm| alarm.kind).collect::<Vec<_>>(), [AlarmKind::NoSpace]);
    assert!(matches!(put(&store, "c", "1").await, Err(StoreError::NoSpace)));
    delete(&store, "b").await.unwrap();
    assert_eq!(show(&store, 0).await, "a=1");
    store.alarm(AlarmOp::Clear(super::super::operator::NO_SPACE)).await.unwrap();
    Env::system().sleep(S).await;
    assert!(matches!(put(&store, "c", "1").await, Err(StoreError::NoSpace)), "still full");
    disk.faults.full.store(false, Ordering::SeqCst);
    store.alarm(AlarmOp::Clear(super::super::operator::NO_SPACE)).await.unwrap();
    put(&store, "c", "1").await.unwrap();
    store.close().await;
    assert_eq!(show(&open(&disk).await, 0).await, "a=1 c=1");
}

#[tokio::test(start_paused = true)]
async fn an_exceeded_quota_raises_an_alarm_that_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let tight = || {
        let limits = crate::Limits { data_bytes: 100, ..crate::Limits::default() };
        small().limits(limits).open(Arc::clone(&disk) as _, Env::simulated(1))
    };
    let store = tight().await.unwrap();
    put(&store, "a", "1").await.unwrap();
    assert!(matches!(put(&store, "b", &"x".repeat(100)).await, Err(StoreError::NoSpace)));
    Env::system().sleep(S).await;
    assert!(matches!(put(&store, "c", "1").await, Err(StoreError::NoSpace)));
    drop(store);
    tokio::task::yield_now().await;
    let store = tight().await.unwrap();
    assert!(matches!(put(&store, "c", "1").await, Err(StoreError::NoSpace)));
    store.alarm(AlarmOp::Clear(super::super::operator::NO_SPACE)).await.unwrap();
    put(&store, "c", "1").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_the_store_ends_its_tasks_and_watches() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&disk(folder.path())).await;
    let request = WatchRequest::new(KeyRange::prefix(""), Revision::ZERO);
    let mut stream = store.watch(request).await.unwrap();
    let shared = Arc::downgrade(&store.shared);
    drop(store);
    assert_eq!(next(&mut stream).await, "Some(Err(Unavailable(\"the store was dropped\")))");
    drop(stream);
    tokio::task::yield_now().await;
    assert!(shared.upgrade().is_none());
}
