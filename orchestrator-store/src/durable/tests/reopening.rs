//! What a store remembers when it is opened again.

use super::*;
use crate::checkpoint;
use crate::disk::Disk;
use orchestrator_core::store::{LeaseOp, WatchRequest};

#[tokio::test(start_paused = true)]
async fn everything_acknowledged_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let store = open(&disk).await;
    store.lease(LeaseOp::Grant { id: 7, ttl: 100 * S }).await.unwrap();
    leased(&store, "a", "1", 7).await.unwrap();
    put(&store, "b", "1").await.unwrap();
    delete(&store, "b").await.unwrap();
    put(&store, "a", "2").await.unwrap();
    store.compact(Revision::new(2)).await.unwrap();
    let wanted: Vec<_> =
        [show(&store, 2).await, show(&store, 3).await, show(&store, 5).await].into();
    // Dropped, not closed: as if the process had been killed.
    drop(store);
    tokio::task::yield_now().await;
    let store = open(&disk).await;
    let shown: Vec<_> =
        [show(&store, 2).await, show(&store, 3).await, show(&store, 5).await].into();
    assert_eq!(shown, wanted);
    assert_eq!(shown, ["a=1", "a=1 b=1", "a=2"]);
    assert_eq!(show(&store, 1).await, "revision 1 is compacted, the oldest is 2");
    let request = WatchRequest::new(KeyRange::key("b"), Revision::new(2));
    let mut stream = store.watch(request).await.unwrap();
    assert_eq!((next(&mut stream).await, next(&mut stream).await), ("3:1".into(), "4:1".into()));
    assert_eq!(put(&store, "c", "1").await.unwrap(), Revision::new(6));
    assert_eq!(store.lease(LeaseOp::List).await.unwrap()[0].id, 7);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_lease_stands_still_while_the_store_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let env = Env::system();
    let store = open(&disk).await;
    store.lease(LeaseOp::Grant { id: 7, ttl: 100 * S }).await.unwrap();
    leased(&store, "a", "1", 7).await.unwrap();
    env.sleep(60 * S).await;
    put(&store, "b", "1").await.unwrap();
    store.close().await;
    env.sleep(1000 * S).await;
    let store = open(&disk).await;
    let left = store.lease(LeaseOp::Describe(7)).await.unwrap()[0].remaining;
    assert!(left <= 40 * S && left > 39 * S, "{left:?}");
    let start = env.instant();
    let request = WatchRequest::new(KeyRange::key("a"), Revision::ZERO);
    let mut stream = store.watch(request).await.unwrap();
    assert_eq!(next(&mut stream).await, "4:1");
    let lived = env.instant() - start;
    assert!(lived >= left && lived < left + S, "{lived:?}");
    drop(store);
    tokio::task::yield_now().await;
    assert_eq!(show(&open(&disk).await, 0).await, "b=1");
}

#[tokio::test(start_paused = true)]
async fn a_folder_belongs_to_one_store_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let store = open(&disk).await;
    let second = small().open(Arc::clone(&disk) as _, Env::simulated(2)).await;
    assert!(matches!(second, Err(OpenError::InUse(_))));
    store.close().await;
    assert!(matches!(put(&store, "a", "1").await, Err(StoreError::Unavailable(_))));
    let again = open(&disk).await;
    put(&again, "a", "1").await.unwrap();
}

/// Writes until there are two checkpoints and the log before the first one is gone.
async fn filled(disk: &Arc<Faulty>) -> (DurableStore, String) {
    let store = open(disk).await;
    for n in 0..1600 {
        put(&store, &format!("k{:03}", n % 200), &format!("{n}-{}", "x".repeat(2000)))
            .await
            .unwrap();
    }
    Env::system().sleep(10 * S).await;
    let shown = show(&store, 0).await;
    assert_eq!(checkpoint::list(&**disk).unwrap().len(), 2);
    let log = store.shared.sizes.log.load(std::sync::atomic::Ordering::Relaxed);
    assert!(log < 3 << 20, "{log} bytes of the log are kept");
    (store, shown)
}

#[tokio::test(start_paused = true)]
async fn checkpoints_replace_the_log_and_a_damaged_one_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let (store, wanted) = filled(&disk).await;
    store.close().await;
    let store = open(&disk).await;
    assert_eq!(show(&store, 0).await, wanted);
    store.close().await;
    let checkpoints = checkpoint::list(&*disk).unwrap();
    let damage = |index: u64| {
        let file = disk.open(&checkpoint::name(index), false).unwrap();
        file.write_at(1000, b"?").unwrap();
    };
    damage(checkpoints[1]);
    let store = open(&disk).await;
    assert_eq!(show(&store, 0).await, wanted);
    assert_eq!(checkpoint::list(&*disk).unwrap(), checkpoints[..1]);
    store.close().await;
    damage(checkpoints[0]);
    let hopeless = small().open(Arc::clone(&disk) as _, Env::simulated(1)).await;
    assert!(matches!(hopeless, Err(OpenError::Damaged { .. })));
}

#[tokio::test(start_paused = true)]
async fn other_limits_hold_from_now_on_and_what_was_refused_stays_refused() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let tight = crate::Limits { data_bytes: 100, ..crate::Limits::default() };
    let open_tight = small().limits(tight).open(Arc::clone(&disk) as _, Env::simulated(1));
    let store = open_tight.await.unwrap();
    let large = "x".repeat(200);
    assert!(matches!(put(&store, "a", &large).await, Err(StoreError::NoSpace)));
    store.close().await;
    let store = open(&disk).await;
    assert_eq!(show(&store, 0).await, "");
    store.alarm(AlarmOp::Clear(operator::NO_SPACE)).await.unwrap();
    put(&store, "a", &large).await.unwrap();
    store.close().await;
    assert!(show(&open(&disk).await, 0).await.starts_with("a=xxx"));
}

#[tokio::test(start_paused = true)]
async fn old_history_is_forgotten_in_time_also_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let open = || {
        let options = small().keep_history(300 * S);
        options.open(Arc::clone(&disk) as Arc<dyn Disk>, Env::simulated(1))
    };
    let store = open().await.unwrap();
    put(&store, "a", "1").await.unwrap();
    put(&store, "a", "2").await.unwrap();
    store.close().await;
    let store = open().await.unwrap();
    Env::system().sleep(299 * S).await;
    assert_eq!(store.status().await.unwrap().compacted.get(), 1);
    Env::system().sleep(2 * S).await;
    assert_eq!(store.status().await.unwrap().compacted.get(), 3);
    store.close().await;
    assert_eq!(open().await.unwrap().status().await.unwrap().compacted.get(), 3);
}

use super::super::operator;
use crate::operator::{AlarmOp, Operator};
