//! The loop against a real API server in the same process, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use orchestrator_core::ObjectKey;
use serde_json::{Value, json};

use crate::cluster::Cluster;

#[tokio::test(start_paused = true)]
async fn a_pod_is_bound_and_an_event_tells() {
    let cluster = Cluster::start().await;
    cluster.node("n1", "4").await;
    cluster.pod("a", "1", json!({})).await;
    assert_eq!(cluster.node_of("a").await, "n1");
    let told = "Scheduled: Successfully assigned default/a to n1";
    assert_eq!(cluster.events("a").await, [told]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_room_is_told_why_and_bound_when_there_is_some() {
    let cluster = Cluster::start().await;
    cluster.node("n1", "1").await;
    cluster.pod("a", "2", json!({})).await;
    let why = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, \
               preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    assert_eq!(cluster.condition("a").await, ("Unschedulable".into(), why.into()));
    assert_eq!(cluster.events("a").await, [format!("FailedScheduling: {why}")]);
    cluster.node("n2", "2").await;
    cluster.settle().await;
    assert_eq!(cluster.node_of("a").await, "n2", "no other pod is to be tried before it");
}

#[tokio::test(start_paused = true)]
async fn room_is_made_for_an_important_pod() {
    let cluster = Cluster::start().await;
    cluster.node("n1", "2").await;
    cluster.pod("low", "2", json!({"priority": 0})).await;
    let class = json!({"metadata": {"name": "high"}, "value": 1000});
    let class = serde_json::from_value(class).unwrap();
    let classes = cluster.client.api::<k8s_openapi::api::scheduling::v1::PriorityClass>();
    classes.create(&class).await.unwrap();
    cluster.settle().await;
    cluster.pod("high", "2", json!({"priorityClassName": "high"})).await;
    assert!(cluster.find("low").await.is_none());
    assert!(cluster.events("low").await.iter().any(|told| told.starts_with("Preempted: ")));
    cluster.client.env().sleep(Duration::from_secs(1)).await;
    cluster.settle().await;
    assert_eq!(cluster.node_of("high").await, "n1");
}

#[tokio::test(start_paused = true)]
async fn many_pods_fill_the_nodes_and_no_node_is_overfull() {
    let cluster = Cluster::start().await;
    for name in ["n1", "n2", "n3"] {
        cluster.node(name, "4").await;
    }
    for number in 0..14 {
        cluster.pod(&format!("p{number}"), "1", json!({})).await;
    }
    let pods = cluster.informers.of::<Pod>().list();
    let on = |name: &str| {
        let here = |pod: &&Arc<Pod>| {
            pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(name)
        };
        pods.iter().filter(here).count()
    };
    assert_eq!([on("n1"), on("n2"), on("n3")], [4, 4, 4]);
}

#[tokio::test(start_paused = true)]
async fn pods_go_to_the_scheduler_that_they_name() {
    let cluster = Cluster::start().await;
    cluster.node("n1", "4").await;
    cluster.pod("a", "1", json!({"schedulerName": "other"})).await;
    cluster.pod("b", "1", json!({"schedulerName": "nobody"})).await;
    assert_eq!(cluster.node_of("a").await, "n1");
    assert_eq!(cluster.node_of("b").await, "");
}

#[tokio::test(start_paused = true)]
async fn a_gated_pod_waits_for_its_gates() {
    let cluster = Cluster::start().await;
    cluster.node("n1", "4").await;
    cluster.pod("a", "1", json!({"schedulingGates": [{"name": "wait"}]})).await;
    assert_eq!(cluster.condition("a").await.0, "SchedulingGated");
    let pods = cluster.client.api::<Pod>();
    let open = orchestrator_client::Patch::Merge(json!({"spec": {"schedulingGates": null}}));
    pods.patch(&ObjectKey::new("default", "a"), open).await.unwrap();
    cluster.settle().await;
    assert_eq!(cluster.node_of("a").await, "n1");
}

fn read<K: serde::de::DeserializeOwned>(wire: Value) -> K {
    serde_json::from_value(wire).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_volume_is_set_aside_and_waited_for_while_others_are_bound() {
    let cluster = Cluster::start().await;
    let (client, env) = (cluster.client.clone(), cluster.client.env().clone());
    cluster.node("n1", "4").await;
    let class = json!({"metadata": {"name": "local"}, "volumeBindingMode": "WaitForFirstConsumer",
        "provisioner": "kubernetes.io/no-provisioner"});
    client.api::<StorageClass>().create(&read(class)).await.unwrap();
    let size = json!({"storage": "5Gi"});
    let volume = json!({"metadata": {"name": "v"}, "spec": {"storageClassName": "local",
        "capacity": size, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/tmp/v"}}});
    let volumes = client.api::<PersistentVolume>();
    let made = PersistentVolume::clone(&*volumes.create(&read(volume)).await.unwrap());
    let status = read(json!({"phase": "Available"}));
    volumes.update_status(&PersistentVolume { status: Some(status), ..made }).await.unwrap();
    let claim = json!({"metadata": {"name": "c", "namespace": "default"}, "spec": {
        "storageClassName": "local", "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": size}}});
    let claims = client.api::<PersistentVolumeClaim>();
    let claim = PersistentVolumeClaim::clone(&*claims.create(&read(claim)).await.unwrap());
    cluster.settle().await;

    let pod = |name: &str, volumes: Value| -> Pod {
        let spec = json!({"containers": [{"name": "c", "image": "i"}], "volumes": volumes});
        read(json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec}))
    };
    let uses_claim = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]);
    client.api::<Pod>().create(&pod("waits", uses_claim)).await.unwrap();
    client.api::<Pod>().create(&pod("goes", json!([]))).await.unwrap();
    env.sleep(Duration::from_secs(5)).await;
    assert_eq!(cluster.node_of("waits").await, "", "nobody has bound the claim");
    assert_eq!(cluster.node_of("goes").await, "n1");
    let volume = volumes.get(&ObjectKey::new("", "v")).await.unwrap();
    let meant_for = volume.spec.as_ref().unwrap().claim_ref.clone().unwrap();
    assert_eq!(meant_for.uid, claim.metadata.uid);

    // What the controller of volumes does with a volume that is set aside.
    let mut bound = claim;
    bound.spec.get_or_insert_default().volume_name = Some("v".into());
    let complete = ("pv.kubernetes.io/bind-completed".to_owned(), "yes".to_owned());
    bound.metadata.annotations.get_or_insert_default().extend([complete]);
    claims.update(&bound).await.unwrap();
    cluster.settle().await;
    assert_eq!(cluster.node_of("waits").await, "n1");
}
