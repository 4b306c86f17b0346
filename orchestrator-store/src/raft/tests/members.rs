//! Members that come, vote, lead and go.

use std::time::Duration;

use orchestrator_core::store::{KeyRange, StoreError};
use orchestrator_core::{Env, StoreExt};

use super::cluster::{Cluster, small};
use super::{put, put_all};
use crate::operator::{MemberChange, Operator};

#[tokio::test(start_paused = true)]
async fn a_member_joins_under_load_and_votes_when_it_is_in_sync() {
    let cluster = Cluster::new(Env::simulated(11), 3, small).await;
    put_all(&**cluster.member(1), "k", 0..100).await;
    let writer = std::sync::Arc::clone(cluster.member(2));
    let writing = cluster.env.spawn("load", async move {
        put_all(&*writer, "k", 100..400).await;
    });
    let new = cluster.join("m4", false).await;
    assert_eq!(new.id(), 4);
    writing.await.unwrap();
    cluster.env.sleep(Duration::from_secs(3)).await;
    let members = new.members().await.unwrap();
    assert_eq!(members.members.len(), 4);
    let this = members.members.iter().find(|member| member.id == 4).unwrap();
    assert!(!this.learner && this.name == "m4", "{this:?}");
    assert_eq!(new.count(KeyRange::prefix("k")).await.unwrap(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_learner_follows_and_is_promoted_when_asked_for() {
    let cluster = Cluster::new(Env::simulated(12), 3, small).await;
    let new = cluster.join("m4", true).await;
    put_all(&**cluster.member(1), "k", 0..10).await;
    assert_eq!(new.count(KeyRange::prefix("k")).await.unwrap(), 10);
    assert!(new.engine().await.unwrap().learner);
    let twice = cluster.member(1).change_members(MemberChange::Promote(1)).await;
    assert!(matches!(twice, Err(StoreError::Invalid("can only promote a learner member"))));
    cluster.member(2).change_members(MemberChange::Promote(4)).await.unwrap();
    assert!(!new.engine().await.unwrap().learner);
}

#[tokio::test(start_paused = true)]
async fn a_removed_member_stays_out_and_its_number_is_not_given_again() {
    let cluster = Cluster::new(Env::simulated(13), 3, small).await;
    let first = cluster.join("m4", false).await;
    cluster.env.sleep(Duration::from_secs(3)).await;
    cluster.member(1).change_members(MemberChange::Remove(4)).await.unwrap();
    drop(first);
    let second = cluster.join("m5", false).await;
    assert_eq!(second.id(), 5);
    let unknown = cluster.member(1).change_members(MemberChange::Remove(4)).await;
    assert!(matches!(unknown, Err(StoreError::Invalid("member not found"))), "{unknown:?}");
    let urls = vec!["m1".to_owned()];
    let add = MemberChange::Add { name: "x".into(), peer_urls: urls, learner: true };
    let double = cluster.member(1).change_members(add).await;
    assert!(matches!(double, Err(StoreError::Invalid("Peer URLs already exists"))));
    put(&**cluster.member(1), "k").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_leader_hands_over_and_can_be_removed() {
    let cluster = Cluster::new(Env::simulated(14), 3, small).await;
    put(&**cluster.member(1), "a").await.unwrap();
    let leader = cluster.member(1).led().await;
    let next = leader % 3 + 1;
    let other = cluster.other_than(leader);
    let members = other.change_members(MemberChange::Lead(next)).await.unwrap();
    assert_eq!(members.leader, Some(next));
    let members = other.change_members(MemberChange::Remove(next)).await;
    // Its own answer may be lost with its leadership.
    assert!(matches!(members, Ok(_) | Err(StoreError::Unknown(_))), "{members:?}");
    let rest = cluster.members.iter().flatten().find(|member| member.id() != next).unwrap();
    put(&**rest, "b").await.unwrap();
    let members = rest.members().await.unwrap();
    assert_eq!(members.members.len(), 2);
}
