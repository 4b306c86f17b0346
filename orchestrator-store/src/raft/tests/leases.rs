//! Leases across leaders.

use std::time::Duration;

use orchestrator_core::store::{LeaseOp, Op, Put, Txn};
use orchestrator_core::{Env, Store, StoreExt, Value};

use super::cluster::{Cluster, small};

const S: Duration = Duration::from_secs(1);

async fn leased(store: &dyn Store, key: &str, ttl: Duration) {
    let id = store.lease(LeaseOp::Grant { id: 0, ttl }).await.unwrap()[0].id;
    let put = Put { lease: Some(id), ..Put::new(key, Value::from_bytes("x")) };
    store.txn(Txn { then: vec![Op::Put(put)], ..Txn::default() }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_in_time_with_its_leader() {
    let cluster = Cluster::new(Env::simulated(21), 3, small).await;
    let store = cluster.member(1);
    leased(&**store, "k", 10 * S).await;
    cluster.env.sleep(9 * S).await;
    assert!(store.get("k").await.unwrap().1.is_some());
    cluster.env.sleep(2 * S).await;
    assert!(store.get("k").await.unwrap().1.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_lease_lives_longer_by_a_change_of_leader_and_not_much() {
    let mut cluster = Cluster::new(Env::simulated(22), 3, small).await;
    leased(&**cluster.member(1), "k", 10 * S).await;
    cluster.env.sleep(8 * S).await;
    let leader = cluster.member(1).led().await;
    cluster.stop(leader);
    let rest = std::sync::Arc::clone(cluster.other_than(leader));
    cluster.env.sleep(5 * S).await;
    assert!(rest.get("k").await.unwrap().1.is_some(), "the new leader cannot know what passed");
    cluster.env.sleep(10 * S).await;
    assert!(rest.get("k").await.unwrap().1.is_none());
    let left = rest.lease(LeaseOp::List).await.unwrap();
    assert!(left.is_empty());
}
