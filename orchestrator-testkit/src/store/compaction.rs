//! Rules of compaction.

use orchestrator_core::store::{
    KeyRange, Recovery, Revision, Store, StoreError, WatchRequest, WatchUpdate,
};

use super::calls::{changes, delete, newest, put, run, state, watch};

async fn history(store: &dyn Store) {
    run(store, vec![put("a", "1")]).await;
    run(store, vec![put("a", "2"), put("b", "1")]).await;
    run(store, vec![delete("b")]).await;
    run(store, vec![put("a", "3")]).await;
}

pub(super) async fn what_is_older_is_gone_and_the_rest_stays(store: &dyn Store) {
    history(store).await;
    store.compact(Revision::new(3)).await.expect("a compaction");
    assert_eq!(newest(store).await.get(), 5, "a compaction takes no revision");
    assert_eq!(store.status().await.expect("a status").compacted.get(), 3, "the status tells");
    for (revision, wanted) in [(3, "a=2 b=1"), (4, "a=2"), (5, "a=3")] {
        assert_eq!(state(store, Revision::new(revision)).await, wanted, "at {revision}");
    }
    let gone = state(store, Revision::new(2)).await;
    assert_eq!(gone, "revision 2 is compacted, the oldest is 3", "what is older is gone");
    for (revision, wanted) in [(3, "Compacted"), (2, "Compacted"), (6, "Future")] {
        let again = store.compact(Revision::new(revision)).await;
        let error = format!("{:?}", again.expect_err("the compaction is refused"));
        assert!(error.starts_with(wanted), "compacting {revision} is refused with {wanted}");
    }
}

pub(super) async fn a_watch_from_before_is_refused(store: &dyn Store) {
    let base = newest(store).await;
    let mut before = watch(store, "", Revision::ZERO).await;
    history(store).await;
    let last = newest(store).await;
    let seen = changes(&mut before, base, last).await;
    store.compact(Revision::new(3)).await.expect("a compaction");
    let early = WatchRequest::new(KeyRange::prefix(""), Revision::new(2));
    let error = match store.watch(early).await {
        Err(error) => error,
        Ok(mut stream) => {
            super::calls::next(&mut stream).await.expect_err("the first item is the error")
        }
    };
    assert!(matches!(error, StoreError::Compacted { .. }), "it is told {error}");
    assert_eq!(error.recovery(), Recovery::AfterRelist, "it lists again");
    let mut after = watch(store, "", Revision::new(4)).await;
    let wanted: Vec<_> = seen.split(", ").skip(2).collect();
    assert_eq!(changes(&mut after, base, last).await, wanted.join(", "), "later ones are kept");
    let last = run(store, vec![put("a", "4")]).await.revision;
    assert_eq!(changes(&mut before, base, last).await, "5:+a=4", "one that is up to date goes on");
}

pub(super) async fn a_deletion_at_the_compacted_revision_is_still_told(store: &dyn Store) {
    let base = newest(store).await;
    run(store, vec![put("a", "1"), put("b", "1")]).await;
    let deleted = run(store, vec![delete("a")]).await.revision;
    let last = run(store, vec![put("b", "2")]).await.revision;
    store.compact(deleted).await.expect("a compaction");
    assert_eq!(state(store, deleted).await, "b=1", "the compacted revision reads as it was");
    let mut stream = match store.watch(WatchRequest::new(KeyRange::prefix(""), deleted)).await {
        Err(StoreError::Compacted { .. }) => return,
        started => started.expect("the watch is accepted"),
    };
    // An engine that has lost the deletion (etcd before 3.4.34 and 3.5.16) must say so.
    match super::calls::next(&mut stream).await {
        Ok(WatchUpdate::Events { revision, events }) => {
            let told = revision == deleted && events.len() == 1 && events[0].deleted;
            assert!(told, "who resumes there learns that the key is gone, or lists again");
        }
        Ok(WatchUpdate::Progress(revision)) => panic!("{deleted} comes before {revision}"),
        Err(error) => {
            assert!(matches!(error, StoreError::Compacted { .. }), "it is told {error}");
            return;
        }
    }
    assert_eq!(changes(&mut stream, base, last).await, "3:+b=2", "and what came after");
}

pub(super) async fn the_newest_revision_can_be_compacted(store: &dyn Store) {
    history(store).await;
    let last = newest(store).await;
    store.compact(last).await.expect("a compaction");
    assert_eq!(state(store, last).await, "a=3", "the present stays");
    let mut stream = watch(store, "", Revision::ZERO).await;
    let next = run(store, vec![put("a", "4")]).await.revision;
    assert_eq!(changes(&mut stream, last, next).await, "1:+a=4", "and goes on");
}
