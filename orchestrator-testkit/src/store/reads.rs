//! Rules of reads.

use orchestrator_core::store::{Key, KeyRange, Range, Revision, Store, StoreError};
use orchestrator_core::{StoreExt, store::RangeResponse};

use super::calls::{delete, put, run, show_all, state};

async fn range(store: &dyn Store, range: Range) -> RangeResponse {
    store.range(range).await.expect("the read is answered")
}

pub(super) async fn a_range_is_one_key_a_prefix_or_all_from_a_key_on(store: &dyn Store) {
    run(store, ["a", "a/x", "a/y", "b"].map(|key| put(key, "1")).to_vec()).await;
    let from = |start: &str, end: &str| KeyRange { start: start.into(), end: Some(end.into()) };
    let open = KeyRange { start: "a/y".into(), end: Some(Key::from("\0")) };
    let cases = [
        (KeyRange::key("a"), "a=1"),
        (KeyRange::key("x"), ""),
        (KeyRange::prefix("a/"), "a/x=1 a/y=1"),
        (KeyRange::prefix(""), "a=1 a/x=1 a/y=1 b=1"),
        (from("a/x", "b"), "a/x=1 a/y=1"),
        (from("b", "a"), ""),
        (open, "a/y=1 b=1"),
    ];
    for (keys, wanted) in cases {
        let found = range(store, Range::new(keys.clone())).await;
        assert_eq!(show_all(&found.kvs), wanted, "the keys of {keys:?}, in order");
        assert_eq!((found.count, found.more), (found.kvs.len() as u64, false), "{keys:?}");
    }
    let nameless = store.range(Range::new(KeyRange::key(""))).await;
    assert!(matches!(nameless, Err(StoreError::Invalid(_))), "one key has a name");
}

pub(super) async fn a_limit_cuts_the_keys_and_not_the_count(store: &dyn Store) {
    run(store, ["a", "b", "c"].map(|key| put(key, "1")).to_vec()).await;
    for (limit, wanted, more) in
        [(0, "a=1 b=1 c=1", false), (2, "a=1 b=1", true), (3, "a=1 b=1 c=1", false)]
    {
        let found = range(store, Range { limit, ..Range::new(KeyRange::prefix("")) }).await;
        let seen = (show_all(&found.kvs), found.count, found.more);
        assert_eq!(seen, (wanted.into(), 3, more), "with a limit of {limit}");
    }
    let counted = Range { count_only: true, limit: 1, ..Range::new(KeyRange::prefix("")) };
    let found = range(store, counted).await;
    assert_eq!((found.kvs.len(), found.count), (0, 3), "a count returns no keys");
}

pub(super) async fn the_past_reads_as_it_was(store: &dyn Store) {
    run(store, vec![put("a", "1")]).await;
    run(store, vec![put("a", "2"), put("b", "1")]).await;
    run(store, vec![delete("a")]).await;
    let wanted = ["", "a=1", "a=2 b=1", "b=1"];
    for (revision, wanted) in (1..).zip(wanted) {
        assert_eq!(state(store, Revision::new(revision)).await, wanted, "at {revision}");
    }
    let old = store.list(KeyRange::prefix(""), Revision::new(2), 0).await.expect("a read");
    assert_eq!(old.revision.get(), 4, "a read of the past tells the newest revision");
    let future = store.list(KeyRange::prefix(""), Revision::new(5), 0).await;
    assert!(matches!(future, Err(StoreError::Future { .. })), "the future cannot be read");
}

pub(super) async fn a_serializable_read_is_of_one_revision(store: &dyn Store) {
    run(store, vec![put("a", "1"), put("b", "1")]).await;
    run(store, vec![put("a", "2"), put("b", "2")]).await;
    let read = Range { serializable: true, ..Range::new(KeyRange::prefix("")) };
    let found = range(store, read).await;
    let wanted = state(store, found.revision).await;
    assert_eq!(show_all(&found.kvs), wanted, "it may be old, but never mixed");
}

pub(super) async fn keys_and_values_are_any_bytes(store: &dyn Store) {
    let keys: [&[u8]; 5] = [b"\0", b"\0\0", b"a\0", b"\xff", b"\xff\xff"];
    for key in keys.iter().rev() {
        let value = orchestrator_core::Value::from_bytes([key, &b"\0\xff"[..]].concat());
        let put = orchestrator_core::store::Put::new(Key::from(*key), value);
        run(store, vec![orchestrator_core::store::Op::Put(put)]).await;
    }
    let found = range(store, Range::new(KeyRange::prefix(""))).await;
    let seen: Vec<_> = found.kvs.iter().map(|kv| kv.key.as_bytes()).collect();
    assert_eq!(seen, keys, "keys are ordered byte by byte");
    for kv in &found.kvs {
        let wanted = [kv.key.as_bytes(), b"\0\xff"].concat();
        assert_eq!(kv.value.bytes(), &wanted, "a value comes back as it was");
    }
    let last = range(store, Range::new(KeyRange::prefix(&b"\xff"[..]))).await;
    assert_eq!(last.count, 2, "a prefix of the last byte has no end");
}
