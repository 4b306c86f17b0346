//! What the adapter makes of an etcd that dies, hangs, forgets or is full.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use orchestrator_core::store::{
    Compare, KeyRange, Op, Put, Recovery, Revision, Store, StoreError, Txn, WatchRequest,
    WatchStream, WatchUpdate,
};
use orchestrator_core::{Env, StoreExt, Value};
use orchestrator_store::etcd::EtcdStore;

use super::process::{Etcd, is_there};

fn put(key: &str, text: &str) -> Txn {
    let put = Put::new(key, Value::from_bytes(text.as_bytes().to_vec()));
    Txn { then: vec![Op::Put(put)], ..Txn::default() }
}

async fn write(store: &dyn Store, key: &str, text: &str) -> Revision {
    store.txn(put(key, text)).await.expect("a write").revision
}

/// The next revision that a watch delivers, with what was written.
async fn next(watch: &mut WatchStream) -> Result<(Revision, String), StoreError> {
    loop {
        match watch.next().await.expect("a watch ends only with an error")? {
            WatchUpdate::Events { revision, events } => {
                let texts = events.iter().map(|event| {
                    let text = String::from_utf8_lossy(event.kv.value.bytes()).into_owned();
                    format!("{:?}={text}", event.kv.key)
                });
                return Ok((revision, texts.collect::<Vec<_>>().join(" ")));
            }
            WatchUpdate::Progress(_) => {}
        }
    }
}

/// Writes two keys in one revision until told to stop; what was acknowledged, by revision, and
/// whether each that is open may have happened.
async fn writer(
    store: Arc<EtcdStore>,
    stop: Arc<tokio::sync::Notify>,
) -> (BTreeMap<Revision, String>, Vec<String>) {
    let (mut done, mut open) = (BTreeMap::new(), Vec::new());
    let mut stopped = std::pin::pin!(stop.notified());
    for n in 0.. {
        if stopped.as_mut().now_or_never().is_some() {
            break;
        }
        let text = n.to_string();
        let mut txn = put("a", &text);
        txn.then.extend(put("b", &text).then);
        let shown = format!("\"a\"={text} \"b\"={text}");
        match store.txn(txn).await {
            Ok(answer) => {
                done.insert(answer.revision, shown);
            }
            Err(StoreError::Unknown(_)) => open.push(shown),
            Err(StoreError::Unavailable(_)) => {}
            Err(other) => panic!("a plain write fails only for want of etcd, not: {other}"),
        }
    }
    (done, open)
}

/// Writes and watches through `store` while `harm` is done in each of three rounds; afterwards no
/// revision is missing or double, and each holds what was acknowledged or is open.
async fn survives(store: EtcdStore, mut harm: impl AsyncFnMut(usize)) {
    let env = Env::system();
    let store = Arc::new(store);
    let from = write(&*store, "start", "").await.next();
    let request = WatchRequest::new(KeyRange::prefix(""), from);
    let mut watch = store.watch(request).await.expect("a watch");
    let stop = Arc::new(tokio::sync::Notify::new());
    let writes = env.spawn("writer", writer(Arc::clone(&store), Arc::clone(&stop)));
    let mut seen = BTreeMap::new();
    let mut see = async |seen: &mut BTreeMap<Revision, String>| {
        let (revision, text) = next(&mut watch).await.expect("the watch goes on");
        assert!(seen.insert(revision, text).is_none(), "no revision comes twice");
    };
    for round in 0..3 {
        for _ in 0..50 {
            see(&mut seen).await;
        }
        harm(round).await;
    }
    for _ in 0..100 {
        see(&mut seen).await;
    }
    stop.notify_one();
    let (done, open) = writes.await.expect("the writer ends");
    let last = write(&*store, "end", "").await;
    while seen.last_key_value().is_none_or(|(revision, _)| *revision < last) {
        see(&mut seen).await;
    }
    let revisions: Vec<_> = seen.keys().map(|revision| revision.get()).collect();
    let wanted: Vec<_> = (from.get()..=last.get()).collect();
    assert_eq!(revisions, wanted, "no gap, and in order");
    for (revision, text) in &done {
        assert_eq!(seen.get(revision), Some(text), "an acknowledged write is there");
    }
    let others = seen.iter().filter(|(revision, _)| !done.contains_key(revision));
    for (revision, text) in others.filter(|(revision, _)| **revision != last) {
        assert!(open.contains(text), "{text} at {revision} was written by somebody");
    }
    eprintln!("{} acknowledged, {} open, {} seen", done.len(), open.len(), seen.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_etcd_costs_no_watch_a_revision_and_no_write_its_truth() {
    if !is_there() {
        return;
    }
    let mut etcd = Etcd::start(&[]);
    survives(etcd.store(), async |_| {
        etcd.kill();
        etcd.restart();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_goes_on_without_each_of_its_members() {
    if !is_there() {
        return;
    }
    let mut members = Etcd::start_three();
    let urls = members.each_ref().map(|member| member.url().to_owned());
    let store = EtcdStore::builder(urls).build(Env::system()).expect("good options");
    survives(store, async |round| {
        if round > 0 {
            members[round - 1].restart();
        }
        members[round].kill();
    })
    .await;
}

#[tokio::test]
async fn a_write_to_an_etcd_that_hangs_is_open_and_a_read_is_not() {
    if !is_there() {
        return;
    }
    let etcd = Etcd::start(&[]);
    let patient = etcd.store();
    write(&patient, "a", "1").await;
    let store = EtcdStore::builder([etcd.url()])
        .request_timeout(Duration::from_millis(500))
        .build(Env::system())
        .expect("good options");
    store.get("a").await.expect("a read");
    etcd.stop();
    let written = store.txn(put("a", "2")).await;
    assert!(matches!(written, Err(StoreError::Unknown(_))), "{written:?}");
    let read = store.get("a").await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let compare =
        Txn { compare: vec![Compare::mod_revision("a", Revision::ZERO)], ..Txn::default() };
    let compared = store.txn(compare).await;
    assert!(matches!(compared, Err(StoreError::Unavailable(_))), "{compared:?}");
    etcd.go_on();
    let (_, kv) = patient.get("a").await.expect("a read");
    let text = kv.expect("the key").value.bytes().clone();
    assert!(text == "1" || text == "2", "it happened or it did not");
}

#[tokio::test]
async fn a_write_to_nobody_did_not_happen() {
    if !is_there() {
        return;
    }
    let mut etcd = Etcd::start(&[]);
    write(&etcd.store(), "a", "1").await;
    etcd.kill();
    let store = EtcdStore::builder([etcd.url()])
        .request_timeout(Duration::from_millis(300))
        .build(Env::system())
        .expect("good options");
    let written = store.txn(put("a", "2")).await;
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    let refused = store.watch(WatchRequest::new(KeyRange::prefix(""), Revision::new(2))).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    etcd.restart();
    let (_, kv) = etcd.store().get("a").await.expect("a read");
    assert_eq!(kv.expect("the key").value.bytes(), "1");
}

#[tokio::test]
async fn a_watch_that_compaction_overtook_says_so_and_one_that_is_current_goes_on() {
    if !is_there() {
        return;
    }
    let mut etcd = Etcd::start(&[]);
    let store = etcd.store();
    write(&store, "a", "0").await;
    let all = |from| WatchRequest::new(KeyRange::prefix(""), from);
    let mut behind = store.watch(all(Revision::ZERO)).await.expect("a watch");
    let idle = WatchRequest::new(KeyRange::prefix("idle"), Revision::ZERO);
    let mut idle = store.watch(idle.with_progress(Duration::from_millis(100))).await.expect("one");
    etcd.kill();
    etcd.restart();
    // Another client, so that the first is still away when its history is compacted.
    let other = etcd.store();
    for text in ["1", "2", "3"] {
        write(&other, "a", text).await;
    }
    let newest = other.status().await.expect("a status").revision;
    other.compact(newest).await.expect("a compaction");
    // Whether the adapter was back before the compaction is chance; both ends are right.
    let mut seen = Vec::new();
    let error = loop {
        match next(&mut behind).await {
            Ok((_, text)) => seen.push(text),
            Err(error) => break Some(error),
        }
        if seen.len() == 3 {
            break None;
        }
    };
    if let Some(error) = error {
        assert!(matches!(error, StoreError::Compacted { .. }), "{error}");
        assert_eq!(error.recovery(), Recovery::AfterRelist);
        assert!(behind.next().await.is_none(), "an error is the last item");
    }
    let mut early = store.watch(all(Revision::new(2))).await.expect("it is accepted at first");
    let error = early.next().await.expect("an item").expect_err("its start is gone");
    let StoreError::Compacted { wanted, oldest } = error else { panic!("{error}") };
    assert_eq!((wanted.get(), oldest), (2, newest));
    let told = loop {
        match idle.next().await.expect("no end") {
            Ok(WatchUpdate::Progress(revision)) if revision >= newest => break revision,
            Ok(_) => {}
            Err(StoreError::Compacted { .. }) => break newest,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(told >= newest);
}

#[tokio::test]
async fn a_reader_that_hangs_comes_back_to_where_it_was() {
    if !is_there() {
        return;
    }
    let etcd = Etcd::start(&[]);
    let store = etcd.store();
    let from = write(&store, "start", "").await.next();
    let all = WatchRequest::new(KeyRange::prefix(""), from);
    let mut hangs = store.watch(all.clone()).await.expect("a watch");
    let mut reads = store.watch(all).await.expect("a watch");
    // Well past what is kept for one that hangs: forty items of a megabyte, twice each.
    let text = "x".repeat(1 << 20);
    for _ in 0..40 {
        write(&store, "a", &text).await;
    }
    for watch in [&mut reads, &mut hangs] {
        for n in 0..40 {
            let (revision, _) = next(watch).await.expect("the watch goes on");
            assert_eq!(revision.get(), from.get() + n, "nothing is missing");
        }
    }
}

#[tokio::test]
async fn a_full_etcd_refuses_writes_and_answers_reads() {
    if !is_there() {
        return;
    }
    let etcd = Etcd::start(&["--quota-backend-bytes=1000000"]);
    let store = etcd.store();
    let text = "x".repeat(100_000);
    let refused = loop {
        if let Err(error) = store.txn(put("a", &text)).await {
            break error;
        }
    };
    assert!(matches!(refused, StoreError::NoSpace), "{refused}");
    assert!(store.get("a").await.expect("a read").1.is_some());
    let long = store.txn(put("a", &"x".repeat(3 << 20))).await;
    assert!(matches!(long, Err(StoreError::TooLarge { .. })), "{long:?}");
}

#[tokio::test]
async fn a_long_list_comes_in_pages_of_one_revision() {
    if !is_there() {
        return;
    }
    let etcd = Etcd::start(&[]);
    let store = etcd.store();
    for batch in 0..13 {
        let puts = (0..100).map(|n| {
            let value = Value::from_bytes(vec![b'x'; 10_000]);
            Op::Put(Put::new(format!("k/{batch:02}{n:02}"), value))
        });
        store.txn(Txn { then: puts.collect(), ..Txn::default() }).await.expect("a write");
    }
    let found = store.list(KeyRange::prefix("k/"), Revision::ZERO, 0).await.expect("a list");
    assert_eq!((found.kvs.len(), found.count, found.more), (1300, 1300, false));
    assert!(found.kvs.is_sorted_by(|a, b| a.key < b.key), "in order, none twice");
    let some = store.list(KeyRange::prefix("k/"), Revision::ZERO, 1200).await.expect("a list");
    assert_eq!((some.kvs.len(), some.count, some.more), (1200, 1300, true));
    let past = store.list(KeyRange::prefix("k/"), Revision::new(12), 0).await.expect("a list");
    assert_eq!((past.kvs.len(), past.count), (1100, 1100), "all pages are of the past");
}
