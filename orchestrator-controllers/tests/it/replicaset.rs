//! ReplicaSets against a real API.

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::KindExt;
use serde_json::{Value, json};

use crate::plane::{Plane, template};

fn set(replicas: i32) -> Value {
    json!({"metadata": {"namespace": "default", "name": "rs"}, "spec": {"replicas": replicas,
        "selector": {"matchLabels": {"app": "ad"}}, "template": template("ad", "img:1")}})
}

#[tokio::test(start_paused = true)]
async fn pods_are_made_deleted_adopted_and_released() {
    let plane = Plane::new().await;
    let orphan = json!({"metadata": {"namespace": "default", "name": "orphan", "labels": {"app": "ad"}},
        "spec": {"containers": [{"name": "c", "image": "img:1"}]}});
    plane.create::<Pod>(orphan).await;
    plane.create::<ReplicaSet>(set(2)).await;
    let pods = plane.list::<Pod>("default").await;
    assert_eq!(pods.len(), 2);
    let orphan = plane.get::<Pod>("default/orphan").await;
    assert_eq!(orphan.controller().unwrap().name, "rs");
    let status = plane.get::<ReplicaSet>("default/rs").await.status.clone().unwrap();
    let want = json!({"replicas": 2, "fullyLabeledReplicas": 2, "terminatingReplicas": 0,
        "observedGeneration": 1});
    assert_eq!(json!(status), want);

    plane.patch::<Pod>("default/orphan", json!({"metadata": {"labels": {"app": "free"}}})).await;
    assert!(plane.get::<Pod>("default/orphan").await.controller().is_none());
    assert_eq!(plane.list::<Pod>("default").await.len(), 3);

    plane.patch::<ReplicaSet>("default/rs", json!({"spec": {"replicas": 0}})).await;
    assert_eq!(plane.list::<Pod>("default").await.len(), 1);
    let events = plane.events("rs").await;
    assert!(events[0].starts_with("SuccessfulCreate: Created pod: rs-"), "{events:?}");
    assert!(events.last().unwrap().starts_with("SuccessfulDelete: Deleted pod: rs-"));
}

#[tokio::test(start_paused = true)]
async fn a_set_larger_than_a_burst_gets_all_its_pods() {
    let plane = Plane::with_pods().await;
    plane.create::<ReplicaSet>(set(1200)).await;
    assert_eq!(plane.list::<Pod>("default").await.len(), 1200);
    let status = plane.get::<ReplicaSet>("default/rs").await.status.clone().unwrap();
    assert_eq!((status.replicas, status.available_replicas), (1200, Some(1200)));
}
