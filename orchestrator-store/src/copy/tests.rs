//! Copies between memory stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::FutureExt;
use orchestrator_core::store::{
    LeaseInfo, Range, RangeResponse, StoreStatus, TxnResponse, WatchRequest, WatchStream,
};

use super::*;
use crate::MemoryStore;

/// A store that fails some writes: those in which `fails` is true of the number of the write.
#[derive(Debug)]
struct Flaky {
    store: MemoryStore,
    writes: AtomicUsize,
    fails: fn(usize) -> bool,
    /// Whether a failed write happens all the same.
    happens: bool,
}

#[async_trait]
impl Store for Flaky {
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError> {
        self.store.range(range).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        if !(self.fails)(self.writes.fetch_add(1, Ordering::Relaxed)) {
            return self.store.txn(txn).await;
        }
        if self.happens {
            self.store.txn(txn).await?;
        }
        Err(StoreError::Unknown("lost".into()))
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.store.watch(request).await
    }

    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        self.store.lease(op).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.store.compact(revision).await
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        self.store.status().await
    }
}

fn flaky(env: &Env, fails: fn(usize) -> bool, happens: bool) -> Flaky {
    Flaky { store: MemoryStore::new(env.clone()), writes: AtomicUsize::new(0), fails, happens }
}

/// A store with `keys` keys, a tenth of them on a lease, and a mark of compaction.
async fn filled(env: &Env, keys: usize) -> MemoryStore {
    let store = MemoryStore::new(env.clone());
    let ttl = Duration::from_secs(3600);
    store.lease(LeaseOp::Grant { id: 77, ttl }).await.unwrap();
    for n in 0..keys {
        let mut put = Put::new(format!("k/{n:05}"), Value::from_bytes(format!("{n}").repeat(20)));
        put.lease = Some(if n % 10 == 0 { 77 } else { 0 });
        store.txn(Txn { then: vec![Op::Put(put)], ..Txn::default() }).await.unwrap();
    }
    let mark = Put::new(compactor::MARK, Value::from_bytes("9"));
    store.txn(Txn { then: vec![Op::Put(mark)], ..Txn::default() }).await.unwrap();
    store
}

#[tokio::test(start_paused = true)]
async fn every_key_value_and_lease_arrives_and_the_mark_goes() {
    let env = Env::simulated(1);
    let from = filled(&env, 2500).await;
    let to = MemoryStore::new(env.clone());
    let mut seen = Vec::new();
    let report = copy(&from, &to, &env, Options::default(), |p| seen.push(p)).await.unwrap();
    assert_eq!((report.digest.keys, report.leases), (2500, 1));
    assert_eq!(to.count(everything()).await.unwrap(), 2500);
    assert_eq!(unfinished(&to).await.unwrap(), None);
    let lease = to.lease(LeaseOp::Describe(77)).await.unwrap().remove(0);
    assert_eq!((lease.keys.len(), lease.ttl), (250, Duration::from_secs(3600)));
    assert!(seen.windows(2).all(|two| two[0].step <= two[1].step));
    let last = seen.last().unwrap();
    assert_eq!((last.step, last.done, last.total), (Step::Check, 2500, 2500));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_holds_something_is_left_alone_unless_it_shall_be_replaced() {
    let env = Env::simulated(2);
    let (from, to) = (filled(&env, 30).await, filled(&env, 300).await);
    let refused = copy(&from, &to, &env, Options::default(), |_| {}).await;
    assert!(matches!(refused, Err(CopyError::NotEmpty { keys: 301 })));
    assert_eq!(to.count(everything()).await.unwrap(), 301);
    copy(&from, &to, &env, Options { replace: true }, |_| {}).await.unwrap();
    assert_eq!(to.count(everything()).await.unwrap(), 30);
}

#[tokio::test(start_paused = true)]
async fn writes_of_unknown_outcome_are_made_again() {
    let env = Env::simulated(3);
    let from = filled(&env, 500).await;
    for happens in [false, true] {
        let to = flaky(&env, |n| n % 3 == 1, happens);
        copy(&from, &to, &env, Options::default(), |_| {}).await.unwrap();
        assert_eq!(to.count(everything()).await.unwrap(), 500);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_breaks_off_says_how_far_it_came_and_leaves_the_mark() {
    let env = Env::simulated(4);
    let from = filled(&env, 500).await;
    let to = flaky(&env, |n| n > 3, false);
    match copy(&from, &to, &env, Options::default(), |_| {}).await {
        Err(CopyError::Target { written: 300, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert!(unfinished(&to).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn somebody_who_writes_to_the_target_meanwhile_is_noticed() {
    let env = Env::simulated(5);
    let from = filled(&env, 1500).await;
    let to = Arc::new(MemoryStore::new(env.clone()));
    let other = Arc::clone(&to);
    let intrude = move |_| {
        let put = Put::new("intruder", Value::from_bytes("x"));
        other.txn(Txn { then: vec![Op::Put(put)], ..Txn::default() }).now_or_never();
    };
    match copy(&from, &*to, &env, Options::default(), intrude).await {
        Err(CopyError::Different { found, wanted }) => {
            assert_eq!((found.keys, wanted.keys), (1501, 1500));
        }
        other => panic!("{other:?}"),
    }
    assert!(unfinished(&*to).await.unwrap().is_some());
}

#[test]
fn batches_keep_their_bounds_and_their_order() {
    let kv = |bytes: usize| KeyValue {
        key: Key::from("k"),
        value: Value::from_bytes(vec![b'x'; bytes]),
        create_revision: Revision::ZERO,
        mod_revision: Revision::ZERO,
        version: 1,
        lease: 0,
    };
    let kvs = [kv(4), kv(4), kv(50), kv(1), kv(1), kv(1)];
    let all: Vec<&KeyValue> = kvs.iter().collect();
    let sizes = page::batches(&all, 2, 10).map(<[_]>::len).collect::<Vec<_>>();
    assert_eq!(sizes, [2, 1, 2, 1]);
}
