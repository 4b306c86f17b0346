//! StatefulSets against a real API.

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use serde_json::{Value, json};

use crate::plane::{Plane, names, template};

fn set(more: Value) -> Value {
    let mut spec = json!({"replicas": 2, "serviceName": "svc",
        "selector": {"matchLabels": {"app": "s"}}, "template": template("s", "img:1")});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"metadata": {"namespace": "default", "name": "s"}, "spec": spec})
}

async fn pods(plane: &Plane) -> Vec<String> {
    names(&plane.list::<Pod>("default").await)
}

#[tokio::test(start_paused = true)]
async fn pods_come_in_order_and_their_claims_outlive_them() {
    let plane = Plane::new().await;
    let claims = json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": ""}}]});
    plane.create::<StatefulSet>(set(claims)).await;
    assert_eq!(pods(&plane).await, ["s-0"]);
    let ready = json!({"phase": "Running", "conditions": [
        {"type": "Ready", "status": "True", "lastTransitionTime": "2001-01-01T00:00:00Z"}]});
    plane.patch_status::<Pod>("default/s-0", ready).await;
    assert_eq!(pods(&plane).await, ["s-0", "s-1"]);
    let claims = plane.list::<PersistentVolumeClaim>("default").await;
    assert_eq!(names(&claims), ["data-s-0", "data-s-1"]);
    let status = plane.get::<StatefulSet>("default/s").await.status.clone().unwrap();
    let counts =
        (status.replicas, status.ready_replicas, status.current_replicas, status.updated_replicas);
    assert_eq!(counts, (2, Some(1), Some(2), Some(2)));
    assert_eq!(plane.list::<ControllerRevision>("default").await.len(), 1);

    plane.patch::<StatefulSet>("default/s", json!({"spec": {"replicas": 1}})).await;
    assert_eq!(pods(&plane).await, ["s-0"]);
    assert_eq!(plane.list::<PersistentVolumeClaim>("default").await.len(), 2);
    plane.delete::<Pod>("default/s-0", "").await;
    assert_eq!(pods(&plane).await, ["s-0"]);
    plane.delete::<StatefulSet>("default/s", "Background").await;
    assert!(pods(&plane).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_replaces_every_pod_under_its_name() {
    let plane = Plane::with_pods().await;
    plane.create::<StatefulSet>(set(json!({"replicas": 3}))).await;
    let first = plane.get::<StatefulSet>("default/s").await.status.clone().unwrap();
    let image =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "img:2"}]}}}});
    plane.patch::<StatefulSet>("default/s", image).await;
    assert_eq!(pods(&plane).await, ["s-0", "s-1", "s-2"]);
    for pod in plane.list::<Pod>("default").await {
        assert_eq!(pod.spec.as_ref().unwrap().containers[0].image.as_deref(), Some("img:2"));
    }
    let status = plane.get::<StatefulSet>("default/s").await.status.clone().unwrap();
    assert_ne!(status.current_revision, first.current_revision);
    assert_eq!(
        (status.update_revision, status.updated_replicas),
        (status.current_revision, Some(3))
    );
}

#[tokio::test(start_paused = true)]
async fn a_parallel_set_starts_at_its_first_ordinal() {
    let plane = Plane::new().await;
    let spec = json!({"replicas": 3, "podManagementPolicy": "Parallel", "ordinals": {"start": 4}});
    plane.create::<StatefulSet>(set(spec)).await;
    assert_eq!(pods(&plane).await, ["s-4", "s-5", "s-6"]);
    plane.patch::<StatefulSet>("default/s", json!({"spec": {"replicas": 1}})).await;
    assert_eq!(pods(&plane).await, ["s-4"]);
}
