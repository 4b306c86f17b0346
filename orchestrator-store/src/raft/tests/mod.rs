//! The Raft engine: the suite, and what becomes of members that stop, lag, come and go.

mod cluster;
mod leases;
mod members;
mod repeat;
mod restarts;
mod restoring;

use std::sync::Arc;

use cluster::{Cluster, small};
use orchestrator_core::store::{KeyRange, Op, Put, Range, StoreError, Txn};
use orchestrator_core::{Env, Store, StoreExt, Value};
use orchestrator_testkit::store;

/// Writes `key`, with itself as the value.
async fn put(store: &dyn Store, key: &str) -> Result<(), StoreError> {
    let value = Value::from_bytes(key.as_bytes().to_vec());
    let then = vec![Op::Put(Put::new(key, value))];
    store.txn(Txn { then, ..Txn::default() }).await.map(drop)
}

/// Writes `prefix` and a number, for each number of `numbers`.
async fn put_all(store: &dyn Store, prefix: &str, numbers: std::ops::Range<u64>) {
    for number in numbers {
        put(store, &format!("{prefix}{number:05}")).await.unwrap();
    }
}

/// How many keys begin with `prefix`, as `store` itself has them.
async fn has(store: &dyn Store, prefix: &str) -> u64 {
    let mut range = Range::new(KeyRange::prefix(prefix));
    range.count_only = true;
    range.serializable = true;
    store.range(range).await.unwrap().count
}

/// A store of `size` members.
async fn opened(size: u64, seed: u64) -> Arc<dyn Store> {
    Cluster::new(Env::simulated(seed), size, small).await.whole()
}

#[tokio::test(start_paused = true)]
async fn three_members_conform_as_one_store() {
    store::conforms_opened(async || opened(3, 7).await).await;
}

#[tokio::test(start_paused = true)]
async fn five_members_conform_as_one_store() {
    store::conforms_opened(async || opened(5, 8).await).await;
}

#[tokio::test(start_paused = true)]
async fn one_member_conforms() {
    store::conforms_opened(async || opened(1, 7).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_to_any_member_is_read_from_any_other() {
    let cluster = Cluster::new(Env::simulated(1), 3, small).await;
    for id in 1..=3 {
        put(&**cluster.member(id), &format!("k{id}")).await.unwrap();
        for reader in 1..=3 {
            let found = cluster.member(reader).count(KeyRange::prefix("k")).await.unwrap();
            assert_eq!(found, id, "written to {id}, read from {reader}");
        }
    }
}
