//! Rules of the order of writes.

use orchestrator_core::store::{KeyRange, Range, Store};

use super::calls::{delete, newest, put, read, run};

pub(super) async fn each_write_takes_the_next_revision(store: &dyn Store) {
    assert_eq!(newest(store).await.get(), 1, "a new store is at revision 1");
    let first = run(store, vec![put("a", "1")]).await;
    let second = run(store, vec![put("a", "2"), put("b", "1"), delete("c")]).await;
    let third = run(store, vec![delete("b")]).await;
    let taken = [first, second, third].map(|done| done.revision.get());
    assert_eq!(taken, [2, 3, 4], "a transaction that writes takes one revision, without gaps");
    assert_eq!(newest(store).await.get(), 4, "the status tells the newest revision");
}

pub(super) async fn what_writes_nothing_takes_none(store: &dyn Store) {
    let base = run(store, vec![put("a", "1")]).await.revision;
    for ops in [vec![], vec![read("")], vec![delete("x")], vec![read("a"), delete("x")]] {
        let done = run(store, ops.clone()).await;
        assert_eq!(done.revision, base, "{ops:?} takes no revision");
    }
    let same = run(store, vec![put("a", "1")]).await;
    assert_eq!(same.revision, base.next(), "a put of the same value is a write");
}

pub(super) async fn a_key_knows_its_history_in_numbers(store: &dyn Store) {
    let numbers = async || {
        let found = store.range(Range::new(KeyRange::key("a"))).await.expect("a read");
        let kv = found.kvs.into_iter().next().expect("the key");
        (kv.create_revision.get(), kv.mod_revision.get(), kv.version)
    };
    run(store, vec![put("a", "1")]).await;
    assert_eq!(numbers().await, (2, 2, 1), "the first put makes the key, version 1");
    run(store, vec![put("b", "1")]).await;
    run(store, vec![put("a", "2")]).await;
    assert_eq!(numbers().await, (2, 4, 2), "a put counts the version up");
    run(store, vec![delete("a")]).await;
    run(store, vec![put("a", "3")]).await;
    assert_eq!(numbers().await, (6, 6, 1), "a deletion starts the key's history again");
}
