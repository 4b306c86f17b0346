//! The node itself: its object, its lease, its heartbeat.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use orchestrator_client::Patch;
use orchestrator_core::{Env, ObjectKey};
use serde_json::json;

use crate::plane::Plane;

#[tokio::test(start_paused = true)]
async fn a_node_is_registered_and_its_lease_renewed() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(2).await;
    let node = plane.client.api::<Node>().get(&ObjectKey::cluster("node-1")).await.unwrap();
    let labels = node.metadata.labels.as_ref().unwrap();
    assert_eq!(labels["kubernetes.io/hostname"], "node-1");
    let status = node.status.as_ref().unwrap();
    assert_eq!(status.capacity.as_ref().unwrap()["pods"].0, "110");
    let info = status.node_info.as_ref().unwrap();
    assert!(info.kubelet_version.starts_with("v1.36."), "{info:?}");
    let lease = ObjectKey::new("kube-node-lease", "node-1");
    let renewed = async || {
        let lease = plane.client.api::<Lease>().get(&lease).await.unwrap();
        lease.spec.as_ref().unwrap().renew_time.as_ref().unwrap().0
    };
    let first = renewed().await;
    plane.advance(60).await;
    let age = plane.env.now().duration_since(renewed().await).as_secs();
    assert!(renewed().await > first && age <= 10, "{age}");
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_somebody_else_has_changed_is_put_right() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    plane.settle().await;
    let key = ObjectKey::cluster("node-0");
    let unknown = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    let api = plane.client.api::<Node>();
    api.patch_status(&key, Patch::Strategic(unknown)).await.unwrap();
    plane.advance(15).await;
    let node = api.get(&key).await.unwrap();
    let conditions = node.status.as_ref().unwrap().conditions.as_ref().unwrap();
    let ready = conditions.iter().find(|c| c.type_ == "Ready").unwrap();
    assert_eq!((ready.status.as_str(), ready.reason.as_deref()), ("True", Some("KubeletReady")));
}
