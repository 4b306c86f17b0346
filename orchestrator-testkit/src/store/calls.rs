//! The few calls that the rules are written in, and their answers as short texts.

use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::store::{
    KeyRange, KeyValue, LeaseId, Op, OpResult, Put, Range, Revision, Store, StoreError, Txn,
    TxnResponse, WatchRequest, WatchStream, WatchUpdate,
};
use orchestrator_core::{Env, Value};

/// How long a store may take for anything before the suite gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn value(text: &str) -> Value {
    Value::from_bytes(text.as_bytes().to_vec())
}

pub(super) fn put(key: &str, text: &str) -> Op {
    Op::Put(Put::new(key, value(text)))
}

pub(super) fn leased(key: &str, lease: LeaseId) -> Op {
    Op::Put(Put { key: key.into(), value: Some(value("v")), lease: Some(lease) })
}

pub(super) fn delete(prefix: &str) -> Op {
    Op::Delete(KeyRange::prefix(prefix))
}

pub(super) fn read(prefix: &str) -> Op {
    Op::Range(Range::new(KeyRange::prefix(prefix)))
}

pub(super) fn nested(txn: Txn) -> Op {
    Op::Txn(Box::new(txn))
}

/// Does `then` without conditions.
pub(super) async fn run(store: &dyn Store, then: Vec<Op>) -> TxnResponse {
    store.txn(Txn { then, ..Txn::default() }).await.expect("a plain transaction succeeds")
}

/// Does `then`, which must be refused.
pub(super) async fn refused(store: &dyn Store, then: Vec<Op>) -> StoreError {
    let answer = store.txn(Txn { then, ..Txn::default() }).await;
    answer.expect_err("the transaction is refused")
}

/// All keys at `revision`, as `key=value key=value`.
pub(super) async fn state(store: &dyn Store, revision: Revision) -> String {
    let range = Range { revision, ..Range::new(KeyRange::prefix("")) };
    match store.range(range).await {
        Ok(found) => show_all(&found.kvs),
        Err(error) => error.to_string(),
    }
}

pub(super) async fn newest(store: &dyn Store) -> Revision {
    store.status().await.expect("a status").revision
}

pub(super) fn show_all(kvs: &[KeyValue]) -> String {
    kvs.iter().map(show).collect::<Vec<_>>().join(" ")
}

pub(super) fn show(kv: &KeyValue) -> String {
    let key = String::from_utf8_lossy(kv.key.as_bytes());
    format!("{key}={}", String::from_utf8_lossy(kv.value.bytes()))
}

/// What a step of a transaction found or replaced, as a text.
pub(super) fn show_result(result: &OpResult) -> String {
    match result {
        OpResult::Range(found) => format!("found {}", show_all(&found.kvs)),
        OpResult::Put { prev } => format!("replaced {}", prev.as_ref().map_or("none".into(), show)),
        OpResult::Delete { prev } => format!("deleted {}", show_all(prev)),
        OpResult::Txn(inner) => {
            inner.results.iter().map(show_result).collect::<Vec<_>>().join(", ")
        }
    }
}

pub(super) async fn watch(store: &dyn Store, prefix: &str, from: Revision) -> WatchStream {
    let request = WatchRequest::new(KeyRange::prefix(prefix), from);
    store.watch(request).await.expect("the watch is accepted")
}

/// The next item of a watch.
pub(super) async fn next(stream: &mut WatchStream) -> Result<WatchUpdate, StoreError> {
    let env = Env::system();
    tokio::select! {
        biased;
        item = stream.next() => item.expect("a watch ends only with an error"),
        () = env.sleep(PATIENCE) => panic!("a watch delivers what it owes"),
    }
}

/// The changes of a watch up to the revision `last`, as `revision-offset:+key=value -key` each.
pub(super) async fn changes(stream: &mut WatchStream, base: Revision, last: Revision) -> String {
    let mut shown = Vec::new();
    loop {
        match next(stream).await {
            Ok(WatchUpdate::Events { revision, events }) => {
                let events = events.iter().map(|event| match event.deleted {
                    true => format!("-{}", String::from_utf8_lossy(event.kv.key.as_bytes())),
                    false => format!("+{}", show(&event.kv)),
                });
                let events = events.collect::<Vec<_>>().join(" ");
                shown.push(format!("{}:{events}", revision.get() - base.get()));
                if revision >= last {
                    return shown.join(", ");
                }
            }
            Ok(WatchUpdate::Progress(_)) => {}
            Err(error) => panic!("the watch failed: {error}"),
        }
    }
}
