//! Gangs: enough pods of a group are bound together, or none.

use std::time::Duration;

use orchestrator_client::DeleteOptions;
use orchestrator_core::ObjectKey;
use orchestrator_sched::plugins;
use orchestrator_sched::plugins::gang_scheduling::{GangScheduling, PodGroup, definition};
use serde_json::json;

use crate::cluster::Cluster;

async fn cluster() -> Cluster {
    let framework = plugins::defaults("default-scheduler").with(GangScheduling::default());
    Cluster::with([framework.build().unwrap()], Some(definition())).await
}

async fn group(cluster: &Cluster, name: &str, min: i32) {
    let policy = json!({"gang": {"minCount": min}});
    let group = json!({"metadata": {"name": name, "namespace": "default"},
        "spec": {"schedulingPolicy": policy}});
    let group = serde_json::from_value(group).unwrap();
    cluster.client.api::<PodGroup>().create(&group).await.unwrap();
    cluster.settle().await;
}

async fn member(cluster: &Cluster, name: &str, group: &str) {
    cluster.pod(name, "1", json!({"schedulingGroup": {"podGroupName": group}})).await;
}

/// How many of these pods have a node.
async fn bound(cluster: &Cluster, pods: &[&str]) -> usize {
    let mut bound = 0;
    for pod in pods {
        bound += usize::from(!cluster.node_of(pod).await.is_empty());
    }
    bound
}

#[tokio::test(start_paused = true)]
async fn none_is_bound_before_enough_fit() {
    let cluster = cluster().await;
    cluster.node("n1", "2").await;
    group(&cluster, "g", 3).await;
    for name in ["a", "b", "c"] {
        member(&cluster, name, "g").await;
    }
    assert_eq!(bound(&cluster, &["a", "b", "c"]).await, 0);
    let (reason, message) = cluster.condition("a").await;
    assert_eq!(reason, "Unschedulable");
    let expected = "0/1 nodes are available: minCount (3) cannot be satisfied: 2 scheduled";
    assert!(message.starts_with(expected), "{message}");
    cluster.pod("other", "2", json!({})).await;
    assert_eq!(cluster.node_of("other").await, "n1", "the gang keeps no room");
    cluster.node("n2", "8").await;
    cluster.settle().await;
    assert_eq!(bound(&cluster, &["a", "b", "c"]).await, 3);
    member(&cluster, "d", "g").await;
    assert_eq!(bound(&cluster, &["d"]).await, 1, "one more than enough goes alone");
}

#[tokio::test(start_paused = true)]
async fn pods_are_held_until_the_group_and_enough_of_them_exist() {
    let cluster = cluster().await;
    cluster.node("n1", "8").await;
    member(&cluster, "a", "g").await;
    member(&cluster, "b", "g").await;
    assert_eq!(bound(&cluster, &["a", "b"]).await, 0, "there is no group");
    group(&cluster, "g", 3).await;
    assert_eq!(bound(&cluster, &["a", "b"]).await, 0, "there are too few");
    member(&cluster, "c", "g").await;
    assert_eq!(bound(&cluster, &["a", "b", "c"]).await, 3);
}

#[tokio::test(start_paused = true)]
async fn two_gangs_that_fit_one_by_one_do_not_block_each_other() {
    let cluster = cluster().await;
    cluster.node("n1", "4").await;
    group(&cluster, "g", 3).await;
    group(&cluster, "h", 3).await;
    // In turns, so that each would get half of the room if pods were placed one by one.
    for (name, of) in [("g1", "g"), ("h1", "h"), ("g2", "g"), ("h2", "h"), ("g3", "g"), ("h3", "h")]
    {
        member(&cluster, name, of).await;
    }
    let (g, h) = (["g1", "g2", "g3"], ["h1", "h2", "h3"]);
    assert_eq!((bound(&cluster, &g).await, bound(&cluster, &h).await), (3, 0));
    for name in g {
        let key = ObjectKey::new("default", name);
        let pods = cluster.client.api::<k8s_openapi::api::core::v1::Pod>();
        pods.delete(&key, &DeleteOptions::default().grace(0)).await.unwrap();
    }
    cluster.client.env().sleep(Duration::from_secs(11)).await;
    cluster.settle().await;
    assert_eq!(bound(&cluster, &h).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_no_gang_goes_one_by_one() {
    let cluster = cluster().await;
    cluster.node("n1", "1").await;
    let basic = json!({"metadata": {"name": "g", "namespace": "default"}});
    let basic = serde_json::from_value(basic).unwrap();
    cluster.client.api::<PodGroup>().create(&basic).await.unwrap();
    member(&cluster, "a", "g").await;
    member(&cluster, "b", "g").await;
    assert_eq!(bound(&cluster, &["a", "b"]).await, 1);
}
