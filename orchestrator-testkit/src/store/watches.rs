//! Rules of watches: ordered, unique, reliable, atomic, resumable, bookmarkable.

use std::time::Duration;

use orchestrator_core::store::{KeyRange, MAX_TXN_OPS, Revision, Store, WatchRequest, WatchUpdate};

use super::calls::{changes, delete, newest, next, put, run, show, watch};

pub(super) async fn changes_come_in_order_once_and_whole(store: &dyn Store) {
    let base = newest(store).await;
    let mut stream = watch(store, "", Revision::ZERO).await;
    run(store, vec![put("a", "1")]).await;
    run(store, vec![put("c", "1"), put("b", "1"), delete("a")]).await;
    run(store, vec![delete("x")]).await;
    let last = run(store, vec![put("a", "2")]).await.revision;
    assert_eq!(
        changes(&mut stream, base, last).await,
        "1:+a=1, 2:+c=1 +b=1 -a, 3:+a=2",
        "one item per revision, its changes in the order in which they were made"
    );
}

pub(super) async fn the_largest_revision_comes_whole(store: &dyn Store) {
    let mut stream = watch(store, "", Revision::ZERO).await;
    let long = "x".repeat(1000);
    let all = (0..MAX_TXN_OPS).map(|n| put(&format!("k{n:03}"), &long)).collect();
    let made = run(store, all).await.revision;
    let Ok(WatchUpdate::Events { revision, events }) = next(&mut stream).await else {
        panic!("the first item is the change")
    };
    assert_eq!((revision, events.len()), (made, MAX_TXN_OPS), "one revision is one item");
    let mut late = watch(store, "", made).await;
    let Ok(WatchUpdate::Events { events, .. }) = next(&mut late).await else {
        panic!("the first item is the change")
    };
    assert_eq!(events.len(), MAX_TXN_OPS, "also of the past");
}

pub(super) async fn only_what_matches_comes(store: &dyn Store) {
    let base = newest(store).await;
    let mut prefix = watch(store, "a/", Revision::ZERO).await;
    let one = WatchRequest::new(KeyRange::key("a"), Revision::ZERO);
    let mut one = store.watch(one).await.expect("the watch is accepted");
    run(store, vec![put("a", "1"), put("a/x", "1"), put("b", "1")]).await;
    run(store, vec![put("b", "2")]).await;
    let last = run(store, vec![delete("a")]).await.revision;
    assert_eq!(changes(&mut prefix, base, last).await, "1:+a/x=1, 3:-a/x", "of a prefix");
    assert_eq!(changes(&mut one, base, last).await, "1:+a=1, 3:-a", "of one key");
}

pub(super) async fn a_watch_starts_anywhere_in_the_kept_history(store: &dyn Store) {
    let base = newest(store).await;
    for text in ["1", "2", "3"] {
        run(store, vec![put("a", text)]).await;
    }
    let from = |offset| Revision::new(base.get() + offset);
    let mut streams = Vec::new();
    for offset in 1..=5 {
        streams.push(watch(store, "", from(offset)).await);
    }
    run(store, vec![put("a", "4")]).await;
    let last = run(store, vec![put("a", "5")]).await.revision;
    let all = ["1:+a=1", "2:+a=2", "3:+a=3", "4:+a=4", "5:+a=5"];
    for (start, stream) in streams.iter_mut().enumerate() {
        let wanted = all[start..].join(", ");
        let seen = changes(stream, base, last).await;
        assert_eq!(seen, wanted, "from offset {start}: the past, then the present, no gap");
    }
}

pub(super) async fn deletions_carry_what_was_deleted(store: &dyn Store) {
    let mut stream = watch(store, "", Revision::ZERO).await;
    run(store, vec![put("a", "1")]).await;
    run(store, vec![put("a", "2")]).await;
    let deleted = run(store, vec![delete("a")]).await.revision;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        if let Ok(WatchUpdate::Events { events, .. }) = next(&mut stream).await {
            seen.extend(events.iter().cloned());
        }
    }
    let before = |n: usize| seen[n].prev.as_ref().map(show);
    assert_eq!(before(0), None, "before the first put there was nothing");
    assert_eq!(before(1).as_deref(), Some("a=1"), "a put carries what it replaced");
    assert_eq!(before(2).as_deref(), Some("a=2"), "a deletion carries what it deleted");
    let tombstone = &seen[2];
    assert!(tombstone.deleted, "a deletion says so");
    assert_eq!(tombstone.kv.mod_revision, deleted, "a deletion tells its revision");
    assert!(tombstone.kv.value.bytes().is_empty(), "a deletion has no value");
}

pub(super) async fn progress_is_told_and_true(store: &dyn Store) {
    let every = Duration::from_millis(100);
    let request = WatchRequest::new(KeyRange::prefix("a"), Revision::ZERO).with_progress(every);
    let mut stream = store.watch(request).await.expect("the watch is accepted");
    let written = run(store, vec![put("a", "1")]).await.revision;
    let unseen = run(store, vec![put("b", "1")]).await.revision;
    let mut delivered = Revision::ZERO;
    let mut told = Revision::ZERO;
    while told < unseen {
        match next(&mut stream).await.expect("the watch goes on") {
            WatchUpdate::Events { revision, .. } => {
                assert!(revision > told, "no change comes after progress past it");
                delivered = revision;
            }
            WatchUpdate::Progress(revision) => {
                assert!(revision >= told, "progress does not go back");
                assert!(revision <= unseen, "progress does not lie ahead of the store");
                assert!(revision < written || delivered == written, "progress is true");
                told = revision;
            }
        }
    }
    assert_eq!(delivered, written, "the change came before the progress that covers it");
}

pub(super) async fn one_that_is_not_read_stops_nobody(store: &dyn Store) {
    let base = newest(store).await;
    let mut unread = watch(store, "", Revision::ZERO).await;
    let mut read = watch(store, "", Revision::ZERO).await;
    let mut last = base;
    for n in 0..300 {
        last = run(store, vec![put("a", &n.to_string())]).await.revision;
    }
    assert_eq!(last.get(), base.get() + 300, "writers go on");
    let seen = changes(&mut read, base, last).await;
    assert_eq!(seen.matches("+a=").count(), 300, "other watchers go on");
    let late = changes(&mut unread, base, last).await;
    assert_eq!(late, seen, "one that comes back within the kept history has missed nothing");
}

pub(super) async fn a_watch_of_the_future_waits_for_it(store: &dyn Store) {
    let base = newest(store).await;
    let mut stream = watch(store, "", Revision::new(base.get() + 3)).await;
    let mut last = base;
    for text in ["1", "2", "3", "4"] {
        last = run(store, vec![put("a", text)]).await.revision;
    }
    let seen = changes(&mut stream, base, last).await;
    assert_eq!(seen, "3:+a=3, 4:+a=4", "what comes before its first revision is not told");
}

pub(super) async fn a_range_is_watched_like_it_is_read(store: &dyn Store) {
    let base = newest(store).await;
    let from_to = |start: &str, end: &str| KeyRange { start: start.into(), end: Some(end.into()) };
    let cases = [
        (from_to("b", "d"), "1:+b=1 +c=1"),
        (from_to("c", "\0"), "1:+c=1 +d=1"),
        (from_to("", "\0"), "1:+a=1 +b=1 +c=1 +d=1"),
    ];
    let mut streams = Vec::new();
    for (keys, _) in &cases {
        let request = WatchRequest::new(keys.clone(), Revision::ZERO);
        streams.push(store.watch(request).await.expect("the watch is accepted"));
    }
    run(store, ["a", "b", "c", "d"].map(|key| put(key, "1")).to_vec()).await;
    for ((keys, wanted), stream) in cases.iter().zip(&mut streams) {
        assert_eq!(changes(stream, base, base.next()).await, *wanted, "of {keys:?}");
    }
}
