//! Deployments against a real API, with pods that run at once.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::KindExt;
use serde_json::{Value, json};

use crate::plane::{Plane, template};

fn deployment(replicas: i32, more: Value) -> Value {
    let mut spec = json!({"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
        "template": template("web", "img:1")});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"metadata": {"namespace": "default", "name": "web", "annotations": {"a": "1"}}, "spec": spec})
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": template("web", image)}})
}

/// The sets as `revision:replicas`, by revision.
async fn sets(plane: &Plane) -> String {
    let mut sets: Vec<(i64, i32)> = Vec::new();
    for set in plane.list::<ReplicaSet>("default").await {
        let revision = set.annotation("deployment.kubernetes.io/revision").unwrap();
        sets.push((revision.parse().unwrap(), set.spec.as_ref().unwrap().replicas.unwrap()));
    }
    sets.sort_unstable();
    sets.iter().map(|(r, n)| format!("{r}:{n}")).collect::<Vec<_>>().join(" ")
}

/// The conditions as `Type=Status/Reason`.
async fn conditions(plane: &Plane) -> String {
    let deployment = plane.get::<Deployment>("default/web").await;
    let conditions = deployment.status.as_ref().unwrap().conditions.clone().unwrap();
    let words = conditions
        .iter()
        .map(|c| format!("{}={}/{}", c.type_, c.status, c.reason.as_deref().unwrap_or_default()));
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_deployment_without_nodes_reports_what_is_missing() {
    let plane = Plane::new().await;
    plane.create::<Deployment>(deployment(2, json!({}))).await;
    let web = plane.get::<Deployment>("default/web").await;
    let status = web.status.clone().unwrap();
    let counts = (status.replicas, status.updated_replicas, status.unavailable_replicas);
    assert_eq!(counts, (Some(2), Some(2), Some(2)));
    assert_eq!(
        conditions(&plane).await,
        "Available=False/MinimumReplicasUnavailable Progressing=True/ReplicaSetUpdated"
    );
    assert_eq!(web.annotation("deployment.kubernetes.io/revision"), Some("1"));
    assert_eq!((web.metadata.generation, status.observed_generation), (Some(1), Some(1)));
    let set = &plane.list::<ReplicaSet>("default").await[0];
    assert_eq!(set.annotation("deployment.kubernetes.io/max-replicas"), Some("3"));
    assert_eq!(set.annotation("a"), Some("1"));

    // Scaled by hand, the set is put back.
    let key = format!("default/{}", set.name());
    plane.patch::<ReplicaSet>(&key, json!({"spec": {"replicas": 5}})).await;
    assert_eq!(sets(&plane).await, "1:2");

    plane.advance(602).await;
    let late =
        "Available=False/MinimumReplicasUnavailable Progressing=False/ProgressDeadlineExceeded";
    assert_eq!(conditions(&plane).await, late);
    plane.delete::<Deployment>("default/web", "").await;
    assert!(plane.list::<ReplicaSet>("default").await.is_empty());
    assert!(plane.list::<Pod>("default").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_rolls_is_undone_and_leaves_a_history() {
    let plane = Plane::with_pods().await;
    plane.create::<Deployment>(deployment(4, json!({"revisionHistoryLimit": 1}))).await;
    let done = "Available=True/MinimumReplicasAvailable Progressing=True/NewReplicaSetAvailable";
    assert_eq!((sets(&plane).await.as_str(), conditions(&plane).await.as_str()), ("1:4", done));

    plane.patch::<Deployment>("default/web", image("img:2")).await;
    assert_eq!(sets(&plane).await, "1:0 2:4");
    assert_eq!(plane.list::<Pod>("default").await.len(), 4);

    // Undone: the first template comes back under a new revision.
    plane.patch::<Deployment>("default/web", image("img:1")).await;
    assert_eq!(sets(&plane).await, "2:0 3:4");
    plane.patch::<Deployment>("default/web", image("img:3")).await;
    assert_eq!(sets(&plane).await, "3:0 4:4");

    let events = plane.events("web").await;
    assert!(events[0].starts_with("ScalingReplicaSet: Scaled up replica set web-"), "{events:?}");
    assert!(events[0].ends_with(" from 0 to 4"), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_scales_but_does_not_update() {
    let plane = Plane::with_pods().await;
    plane.create::<Deployment>(deployment(2, json!({}))).await;
    plane.patch::<Deployment>("default/web", json!({"spec": {"paused": true}})).await;
    plane.patch::<Deployment>("default/web", image("img:2")).await;
    plane.patch::<Deployment>("default/web", json!({"spec": {"replicas": 3}})).await;
    assert_eq!(sets(&plane).await, "1:3");
    assert!(conditions(&plane).await.contains("Progressing=Unknown/DeploymentPaused"));
    plane.patch::<Deployment>("default/web", json!({"spec": {"paused": false}})).await;
    assert_eq!(sets(&plane).await, "1:0 2:3");
    assert!(conditions(&plane).await.contains("NewReplicaSetAvailable"));
}

#[tokio::test(start_paused = true)]
async fn recreation_and_scaling_to_nothing() {
    let plane = Plane::with_pods().await;
    let strategy = json!({"strategy": {"type": "Recreate"}});
    plane.create::<Deployment>(deployment(3, strategy)).await;
    plane.patch::<Deployment>("default/web", image("img:2")).await;
    assert_eq!(sets(&plane).await, "1:0 2:3");
    plane.patch::<Deployment>("default/web", json!({"spec": {"replicas": 0}})).await;
    assert_eq!(sets(&plane).await, "1:0 2:0");
    assert!(plane.list::<Pod>("default").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn min_ready_seconds_slow_a_rollout_down() {
    let plane = Plane::with_pods().await;
    plane.create::<Deployment>(deployment(2, json!({"minReadySeconds": 30}))).await;
    assert!(conditions(&plane).await.contains("MinimumReplicasUnavailable"));
    plane.advance(31).await;
    assert!(conditions(&plane).await.contains("NewReplicaSetAvailable"));
}
