//! Rules of stores that can be closed and opened again.

use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::store::{LeaseOp, Revision, StoreError, WatchUpdate};

use super::Home;
use super::calls::{changes, delete, leased, newest, next, put, run, show, state, watch};

const LONG: Duration = Duration::from_secs(600);

pub(super) async fn what_was_written_is_there(home: &mut dyn Home) {
    let store = home.open().await;
    run(&*store, vec![put("a", "1")]).await;
    run(&*store, vec![put("a", "2"), put("b", "1")]).await;
    run(&*store, vec![delete("b")]).await;
    drop(store);
    let store = home.open().await;
    assert_eq!(newest(&*store).await.get(), 4, "the revisions go on");
    for (revision, wanted) in (1..).zip(["", "a=1", "a=2 b=1", "a=2"]) {
        let shown = state(&*store, Revision::new(revision)).await;
        assert_eq!(shown, wanted, "the past reads as it was, at {revision}");
    }
    let done = run(&*store, vec![put("a", "3")]).await;
    assert_eq!(done.revision.get(), 5, "without a gap");
    drop(store);
    assert_eq!(state(&*home.open().await, Revision::ZERO).await, "a=3", "again and again");
}

pub(super) async fn a_watch_resumes_where_it_was(home: &mut dyn Home) {
    let store = home.open().await;
    let base = newest(&*store).await;
    run(&*store, vec![put("a", "1"), put("b", "1")]).await;
    let deleted = run(&*store, vec![delete("a")]).await.revision;
    drop(store);
    let store = home.open().await;
    let mut stream = watch(&*store, "", deleted).await;
    let Ok(WatchUpdate::Events { events, .. }) = next(&mut stream).await else {
        panic!("the change is told")
    };
    let before = events[0].prev.as_ref().map(show);
    assert_eq!(before.as_deref(), Some("a=1"), "a deletion carries what it deleted");
    let mut stream = watch(&*store, "", base.next()).await;
    let last = run(&*store, vec![put("c", "1")]).await.revision;
    let seen = changes(&mut stream, base, last).await;
    assert_eq!(seen, "1:+a=1 +b=1, 2:-a, 3:+c=1", "no gap between the past and the present");
}

pub(super) async fn what_was_compacted_stays_so(home: &mut dyn Home) {
    let store = home.open().await;
    for text in ["1", "2", "3"] {
        run(&*store, vec![put("a", text)]).await;
    }
    store.compact(Revision::new(3)).await.expect("a compaction");
    drop(store);
    let store = home.open().await;
    let gone = state(&*store, Revision::new(2)).await;
    assert_eq!(gone, "revision 2 is compacted, the oldest is 3", "what is older is gone");
    assert_eq!(state(&*store, Revision::new(3)).await, "a=2", "the rest is there");
    let again = store.compact(Revision::new(3)).await;
    assert!(matches!(again, Err(StoreError::Compacted { .. })), "it was done before");
}

pub(super) async fn leases_live_on_and_end_in_time(home: &mut dyn Home) {
    let ttl = Duration::from_secs(3);
    let store = home.open().await;
    let env = Env::system();
    store.lease(LeaseOp::Grant { id: 5, ttl: LONG }).await.expect("a lease");
    let chosen = store.lease(LeaseOp::Grant { id: 0, ttl: LONG }).await.expect("a lease")[0].id;
    run(&*store, vec![leased("kept", 5)]).await;
    let granted = env.instant();
    store.lease(LeaseOp::Grant { id: 6, ttl }).await.expect("a lease");
    run(&*store, vec![leased("a", 6), leased("b", 6)]).await;
    let base = newest(&*store).await;
    drop(store);
    let store = home.open().await;
    let info = store.lease(LeaseOp::Describe(5)).await.expect("the lease is there");
    assert_eq!((info[0].ttl, info[0].keys.len()), (LONG, 1), "with what it had");
    let other = store.lease(LeaseOp::Grant { id: 0, ttl: LONG }).await.expect("a lease")[0].id;
    assert_ne!(other, chosen, "an id is given once");
    let mut stream = watch(&*store, "", base.next()).await;
    let seen = changes(&mut stream, base, base.next()).await;
    assert_eq!(seen, "1:-a -b", "a lease ends, its keys in one revision");
    assert!(env.instant() - granted >= ttl, "never before its time");
    store.lease(LeaseOp::Revoke(5)).await.expect("a revocation");
    assert_eq!(state(&*store, Revision::ZERO).await, "", "and takes its keys with it");
}
