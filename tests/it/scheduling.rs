//! Scheduling from end to end: taints that drive pods away, priorities, gangs, and what people are
//! told of pods that fit nowhere.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Node, Pod};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use orchestrator::Cluster;
use orchestrator::client::{Kind, KindExt, Patch, Selection};
use orchestrator::core::ObjectKey;
use orchestrator::sched::plugins::gang_scheduling::PodGroup;
use serde_json::{Value, json};

use crate::plane::{STARTED, simulated};

async fn create<K: Kind>(cluster: &Cluster, object: Value) {
    let object: K = serde_json::from_value(object).expect("a well-formed object");
    cluster.client().api::<K>().create(&object).await.expect("it can be made");
}

async fn pod(cluster: &Cluster, name: &str, cpu: &str, more: Value) {
    let requests = json!({"requests": {"cpu": cpu}});
    let mut spec = json!({"containers": [{"name": "c", "image": "i", "resources": requests}],
        "terminationGracePeriodSeconds": 0});
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let metadata = json!({"name": name, "namespace": "default"});
    create::<Pod>(cluster, json!({"metadata": metadata, "spec": spec})).await;
}

async fn find(cluster: &Cluster, name: &str) -> Option<std::sync::Arc<Pod>> {
    let key = ObjectKey::new("default", name);
    cluster.client().api::<Pod>().find(&key).await.expect("pods can be read")
}

/// The node of a pod; empty where it has none, or where the pod is gone.
async fn node_of(cluster: &Cluster, name: &str) -> String {
    let pod = find(cluster, name).await;
    pod.and_then(|pod| pod.spec.clone()?.node_name).unwrap_or_default()
}

async fn taint(cluster: &Cluster, node: &str, taints: Value) {
    let patch = Patch::Merge(json!({"spec": {"taints": taints}}));
    let key = ObjectKey::cluster(node.to_owned());
    cluster.client().api::<Node>().patch(&key, patch).await.expect("nodes can be changed");
}

#[tokio::test(start_paused = true)]
async fn a_taint_drives_pods_away_when_their_toleration_ends_and_keeps_new_ones_off() {
    let cluster = simulated(1, 1).await;
    let tolerates = |seconds: Option<i64>| {
        json!({"tolerations": [{"key": "fire", "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": seconds}]})
    };
    pod(&cluster, "none", "10m", json!({})).await;
    pod(&cluster, "brief", "10m", tolerates(Some(60))).await;
    pod(&cluster, "loyal", "10m", tolerates(None)).await;
    cluster.advance(STARTED).await;
    for name in ["none", "brief", "loyal"] {
        assert_eq!(node_of(&cluster, name).await, "node-0", "{name}");
    }
    taint(&cluster, "node-0", json!([{"key": "fire", "effect": "NoExecute"}])).await;
    cluster.advance(Duration::from_secs(5)).await;
    assert!(find(&cluster, "none").await.is_none(), "it goes at once");
    assert!(find(&cluster, "brief").await.is_some());
    pod(&cluster, "late", "10m", json!({})).await;
    cluster.advance(Duration::from_secs(70)).await;
    assert!(find(&cluster, "brief").await.is_none(), "its time is over");
    assert!(find(&cluster, "loyal").await.is_some());
    assert_eq!(node_of(&cluster, "late").await, "");
    taint(&cluster, "node-0", Value::Null).await;
    cluster.advance(STARTED).await;
    assert_eq!(node_of(&cluster, "late").await, "node-0");
}

#[tokio::test(start_paused = true)]
async fn the_default_class_gives_priority_and_with_it_the_right_to_preempt() {
    let cluster = simulated(1, 0).await;
    let class = |name: &str, value: i32, default: bool| {
        let metadata = json!({"name": name});
        json!({"metadata": metadata, "value": value, "globalDefault": default})
    };
    let status = json!({"allocatable": {"cpu": "1", "memory": "1Gi", "pods": "10"},
        "conditions": [{"type": "Ready", "status": "True"}]});
    create::<Node>(&cluster, json!({"metadata": {"name": "n"}, "status": status})).await;
    taint(&cluster, "n", Value::Null).await;
    pod(&cluster, "old", "1", json!({})).await;
    cluster.settle().await;
    assert_eq!(node_of(&cluster, "old").await, "n");
    create::<PriorityClass>(&cluster, class("usual", 7, true)).await;
    create::<PriorityClass>(&cluster, class("low", -7, false)).await;
    cluster.settle().await;
    pod(&cluster, "low", "1", json!({"priorityClassName": "low"})).await;
    pod(&cluster, "new", "1", json!({})).await;
    cluster.advance(Duration::from_secs(5)).await;
    let spec = find(&cluster, "new").await.and_then(|pod| pod.spec.clone()).expect("it is there");
    assert_eq!((spec.priority, spec.priority_class_name.as_deref()), (Some(7), Some("usual")));
    assert_eq!(spec.node_name.as_deref(), Some("n"));
    assert!(find(&cluster, "old").await.is_none(), "made before the class, it has priority 0");
    assert_eq!(node_of(&cluster, "low").await, "");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_fits_nowhere_says_why_in_its_condition_and_an_event() {
    let cluster = simulated(1, 5).await;
    for node in ["node-0", "node-1", "node-2"] {
        taint(&cluster, node, json!([{"key": "k", "effect": "NoSchedule"}])).await;
    }
    cluster.settle().await;
    pod(&cluster, "big", "4000", json!({})).await;
    cluster.settle().await;
    let expected = "0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated \
                    taint(s). no new claims to deallocate, preemption: 0/5 nodes are available: \
                    5 Preemption is not helpful for scheduling.";
    let status = find(&cluster, "big").await.and_then(|pod| pod.status.clone()).expect("a status");
    let condition = status.conditions.into_iter().flatten().find(|c| c.type_ == "PodScheduled");
    let condition = condition.expect("the condition is there");
    assert_eq!((&*condition.status, condition.reason.as_deref()), ("False", Some("Unschedulable")));
    assert_eq!(condition.message.as_deref(), Some(expected));
    let events = cluster.client().api::<Event>().list(&Selection::namespace("default")).await;
    let events = events.expect("events can be listed").items;
    let told = events.iter().find(|event| event.reason.as_deref() == Some("FailedScheduling"));
    let told = told.expect("an event is there");
    assert_eq!((told.message.as_deref(), told.type_.as_deref()), (Some(expected), Some("Warning")));
}

#[tokio::test(start_paused = true)]
async fn a_gang_starts_together() {
    let cluster = Cluster::builder().simulated(1).simulated_nodes(2).gang_scheduling();
    let cluster = cluster.start().await.expect("the plane starts");
    cluster.settle().await;
    let policy = json!({"gang": {"minCount": 3}});
    let metadata = json!({"name": "g", "namespace": "default"});
    let group = json!({"metadata": metadata, "spec": {"schedulingPolicy": policy}});
    create::<PodGroup>(&cluster, group).await;
    let member = json!({"schedulingGroup": {"podGroupName": "g"}});
    for name in ["a", "b"] {
        pod(&cluster, name, "10m", member.clone()).await;
    }
    cluster.advance(STARTED).await;
    assert_eq!(node_of(&cluster, "a").await, "", "one is missing");
    pod(&cluster, "c", "10m", member).await;
    cluster.advance(STARTED).await;
    let pods = cluster.client().api::<Pod>().list(&Selection::namespace("default")).await;
    for pod in pods.expect("pods can be listed").items {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        assert_eq!(phase, Some("Running"), "{}", pod.name());
    }
}
