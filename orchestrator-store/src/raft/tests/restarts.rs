//! Members that lose power and come back.

use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::store::{KeyRange, Revision, StoreError, WatchRequest, WatchUpdate};
use orchestrator_core::{Store, StoreExt};

use super::cluster::{Cluster, small};
use super::{has, put, put_all};
use crate::operator::Operator;
use crate::raft::Builder;
use futures::StreamExt;

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_survives_every_member() {
    let mut cluster = Cluster::new(Env::simulated(2), 3, small).await;
    put_all(&**cluster.member(1), "k", 0..50).await;
    for id in 1..=3 {
        cluster.stop(id);
    }
    for id in 1..=3 {
        cluster.start(id).await;
    }
    assert_eq!(cluster.member(2).count(KeyRange::prefix("k")).await.unwrap(), 50);
    put(&**cluster.member(3), "k-more").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_leads_when_the_leader_is_gone_and_no_majority_takes_nothing() {
    let mut cluster = Cluster::new(Env::simulated(3), 3, small).await;
    put(&**cluster.member(1), "before").await.unwrap();
    let leader = cluster.member(1).led().await;
    cluster.stop(leader);
    let rest = cluster.other_than(leader);
    put(&**rest, "after").await.unwrap();
    assert_ne!(rest.led().await, leader);
    let next = rest.led().await;
    // By then everybody knows what was committed.
    cluster.env.sleep(Duration::from_millis(100)).await;
    cluster.stop(next);
    let last = cluster.other_than(next);
    let read = last.get("after").await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert_eq!(has(&**last, "after").await, 1, "what is here can be read as such");
    let refused = put(&**last, "alone").await;
    assert!(refused.is_err());
    cluster.start(leader).await;
    let back = cluster.member(leader);
    assert!(back.get("after").await.unwrap().1.is_some());
}

/// Images often, and little log kept before them.
fn often(builder: Builder) -> Builder {
    small(builder).images(40, 10)
}

#[tokio::test(start_paused = true)]
async fn a_member_too_far_behind_gets_an_image_and_its_watchers_miss_nothing() {
    let mut cluster = Cluster::new(Env::simulated(4), 3, often).await;
    put_all(&**cluster.member(1), "k", 0..20).await;
    let away = cluster.member(1).led().await % 3 + 1;
    cluster.stop(away);
    put_all(&**cluster.other_than(away), "k", 20..400).await;
    cluster.start(away).await;
    let back = cluster.member(away);
    let mut watch =
        back.watch(WatchRequest::new(KeyRange::prefix("k"), Revision::new(2))).await.unwrap();
    assert_eq!(has(&**back, "k").await, 400);
    let mut seen = Revision::new(1);
    while seen < Revision::new(401) {
        let Some(Ok(WatchUpdate::Events { revision, .. })) = watch.next().await else {
            panic!("the watch ended at {seen}");
        };
        assert_eq!(revision, seen.next());
        seen = revision;
    }
    let engine = back.engine().await.unwrap();
    assert!(engine.applied >= 400 && engine.term >= 1, "{engine:?}");
}

#[tokio::test(start_paused = true)]
async fn images_and_the_log_after_them_are_found_again() {
    let mut cluster = Cluster::new(Env::simulated(5), 1, often).await;
    for round in 0..5 {
        put_all(&**cluster.member(1), "k", round * 30..round * 30 + 30).await;
        // So that an image is finished, or not.
        cluster.env.sleep(Duration::from_micros(300 * round)).await;
        cluster.stop(1);
        cluster.start(1).await;
        assert_eq!(cluster.member(1).count(KeyRange::prefix("k")).await.unwrap(), round * 30 + 30);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_lost_its_disk_is_not_let_back_under_its_number() {
    let mut cluster = Cluster::new(Env::simulated(6), 3, small).await;
    put_all(&**cluster.member(1), "k", 0..5).await;
    // By then each has told the others that it has started.
    cluster.env.sleep(Duration::from_secs(3)).await;
    cluster.stop(2);
    cluster.disks[1].replace();
    let started = cluster.try_start(2).await;
    assert!(matches!(started, Err(crate::raft::StartError::LostData)), "{started:?}");
}
