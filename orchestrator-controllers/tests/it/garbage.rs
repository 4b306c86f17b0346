//! Garbage collection against a real API.

use k8s_openapi::api::core::v1::ConfigMap;
use orchestrator_client::KindExt;
use serde_json::{Value, json};

use crate::plane::Plane;

fn owned(name: &str, owners: &[(&str, &str, bool)], finalizers: Value) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|(name, uid, blocks)| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name,
            "uid": uid, "blockOwnerDeletion": blocks})
        })
        .collect();
    json!({"metadata": {"namespace": "default", "name": name, "ownerReferences": owners,
        "finalizers": finalizers}})
}

async fn owner(plane: &Plane, name: &str) -> String {
    plane.create::<ConfigMap>(owned(name, &[], json!([]))).await.uid().to_owned()
}

#[tokio::test(start_paused = true)]
async fn in_the_background_dependents_follow_their_last_owner() {
    let plane = Plane::new().await;
    let (a, b) = (owner(&plane, "a").await, owner(&plane, "b").await);
    plane.create::<ConfigMap>(owned("one", &[("a", &a, false)], json!([]))).await;
    plane.create::<ConfigMap>(owned("two", &[("a", &a, false), ("b", &b, false)], json!([]))).await;
    plane.delete::<ConfigMap>("default/a", "Background").await;
    assert!(plane.find::<ConfigMap>("default/one").await.is_none());
    let two = plane.get::<ConfigMap>("default/two").await;
    let owners = two.metadata.owner_references.clone().unwrap();
    assert_eq!(owners.iter().map(|owner| owner.name.as_str()).collect::<Vec<_>>(), ["b"]);
    plane.delete::<ConfigMap>("default/b", "").await;
    assert!(plane.find::<ConfigMap>("default/two").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_owner_never_existed_goes() {
    let plane = Plane::new().await;
    owner(&plane, "a").await;
    plane.create::<ConfigMap>(owned("lost", &[("gone", "x", false)], json!([]))).await;
    plane.create::<ConfigMap>(owned("namesake", &[("a", "other", false)], json!([]))).await;
    assert!(plane.find::<ConfigMap>("default/lost").await.is_none());
    assert!(plane.find::<ConfigMap>("default/namesake").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_the_owner_waits_for_those_that_block() {
    let plane = Plane::new().await;
    let uid = owner(&plane, "owner").await;
    plane.create::<ConfigMap>(owned("block", &[("owner", &uid, true)], json!(["x.io/h"]))).await;
    plane.create::<ConfigMap>(owned("free", &[("owner", &uid, false)], json!([]))).await;
    plane.delete::<ConfigMap>("default/owner", "Foreground").await;
    assert!(plane.find::<ConfigMap>("default/free").await.is_none());
    assert!(plane.get::<ConfigMap>("default/block").await.is_terminating());
    assert!(plane.get::<ConfigMap>("default/owner").await.is_terminating());
    plane.patch::<ConfigMap>("default/block", json!({"metadata": {"finalizers": null}})).await;
    assert!(plane.find::<ConfigMap>("default/owner").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn orphans_stay_without_their_owner() {
    let plane = Plane::new().await;
    let uid = owner(&plane, "owner").await;
    plane.create::<ConfigMap>(owned("child", &[("owner", &uid, true)], json!([]))).await;
    plane.delete::<ConfigMap>("default/owner", "Orphan").await;
    assert!(plane.find::<ConfigMap>("default/owner").await.is_none());
    let child = plane.get::<ConfigMap>("default/child").await;
    assert!(child.metadata.owner_references.clone().unwrap_or_default().is_empty());
}
