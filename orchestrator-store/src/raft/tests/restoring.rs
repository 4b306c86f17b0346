//! Members that begin with a state from elsewhere.

use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::store::{KeyRange, LeaseOp, Op, Put, Revision, Txn, WatchRequest};
use orchestrator_core::{Env, Store, StoreExt, Value};

use super::cluster::{Cluster, small};
use super::{has, put};
use crate::mvcc::{Command, Limits, Mvcc};

const TTL: Duration = Duration::from_secs(600);

/// A state of a store that was busy for a long time: ten keys, one with a lease.
fn old() -> Mvcc {
    let at = Duration::from_secs(100_000);
    let mut mvcc = Mvcc::new(Limits::default());
    mvcc.apply(Command::Lease(LeaseOp::Grant { id: 5, ttl: TTL }), at).unwrap();
    for n in 0..10 {
        let lease = Some(if n == 7 { 5 } else { 0 });
        let put = Put { lease, ..Put::new(format!("old{n}"), Value::from_bytes("v")) };
        mvcc.apply(Command::Txn(Txn { then: vec![Op::Put(put)], ..Txn::default() }), at).unwrap();
    }
    mvcc
}

#[tokio::test(start_paused = true)]
async fn members_begin_with_a_state_and_keep_its_revisions_and_leases() {
    let mut cluster = Cluster::apart(Env::simulated(11), 3, small);
    for id in 1..=3 {
        cluster.restore(id, old()).await.unwrap();
        assert!(cluster.restore(id, old()).await.is_err(), "a member is never written over");
    }
    for round in 0..2 {
        for id in 1..=3 {
            cluster.start(id).await;
        }
        for id in 1..=3 {
            let member = cluster.member(id);
            let then = member.list(KeyRange::prefix("old"), Revision::new(5), 0).await.unwrap();
            assert_eq!(
                (then.kvs.len(), then.revision),
                (4, Revision::new(11 + 3 * round + id - 1))
            );
            let lease = member.lease(LeaseOp::Describe(5)).await.unwrap().remove(0);
            assert!(lease.remaining > TTL / 2 && lease.remaining <= TTL, "{lease:?}");
            let request = WatchRequest::new(KeyRange::prefix("old"), Revision::new(3));
            assert!(member.watch(request).await.unwrap().next().await.unwrap().is_ok());
            put(&**member, &format!("new{round}{id}")).await.unwrap();
        }
        (1..=3).for_each(|id| cluster.stop(id));
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_was_forgotten_is_nobody_to_the_others() {
    let mut cluster = Cluster::apart(Env::simulated(12), 3, small);
    for id in [1, 2] {
        cluster.restore(id, old()).await.unwrap();
    }
    for id in [3, 1, 2] {
        cluster.start(id).await;
    }
    put(&**cluster.member(1), "new").await.unwrap();
    cluster.env.sleep(Duration::from_secs(5)).await;
    assert_eq!(cluster.member(2).count(KeyRange::prefix("")).await.unwrap(), 11);
    assert_eq!(has(&**cluster.member(3), "").await, 0);
    assert!(put(&**cluster.member(3), "alone").await.is_err());
}
