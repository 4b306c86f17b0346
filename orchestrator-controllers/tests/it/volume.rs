//! Volumes and claims against a real API.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    HostPathVolumeSource, PersistentVolume, PersistentVolumeClaim, Pod,
};
use k8s_openapi::api::storage::v1::StorageClass;
use orchestrator_client::KindExt;
use orchestrator_controllers::builtin;
use orchestrator_controllers::volume::{ProvisionError, ProvisionRequest, Provisioner};
use serde_json::{Value, json};

use crate::plane::{Plane, names, template};

fn volume(name: &str, size: &str, policy: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"], "storageClassName": "s",
        "persistentVolumeReclaimPolicy": policy, "hostPath": {"path": "/x"}}})
}

fn claim(name: &str, size: &str, class: &str) -> Value {
    json!({"metadata": {"namespace": "default", "name": name}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": class,
        "resources": {"requests": {"storage": size}}}})
}

async fn phase(plane: &Plane, claim: &str) -> String {
    let claim = plane.get::<PersistentVolumeClaim>(&format!("default/{claim}")).await;
    claim.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default()
}

async fn volume_phase(plane: &Plane, name: &str) -> String {
    let volume = plane.get::<PersistentVolume>(name).await;
    volume.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_claim_gets_the_smallest_volume_and_gives_it_back() {
    let plane = Plane::new().await;
    plane.create::<PersistentVolumeClaim>(claim("early", "1Gi", "s")).await;
    assert_eq!(phase(&plane, "early").await, "Pending");
    plane.create::<PersistentVolume>(volume("big", "5Gi", "Retain")).await;
    assert_eq!(phase(&plane, "early").await, "Bound");
    plane.create::<PersistentVolume>(volume("small", "2Gi", "Retain")).await;
    plane.create::<PersistentVolumeClaim>(claim("c", "2Gi", "s")).await;
    let bound = plane.get::<PersistentVolumeClaim>("default/c").await;
    assert_eq!(bound.spec.as_ref().unwrap().volume_name.as_deref(), Some("small"));
    assert_eq!(bound.metadata.finalizers, Some(vec!["kubernetes.io/pvc-protection".into()]));
    assert_eq!(volume_phase(&plane, "small").await, "Bound");

    plane.delete::<PersistentVolume>("small", "").await;
    assert_eq!(volume_phase(&plane, "small").await, "Bound");
    plane.delete::<PersistentVolumeClaim>("default/c", "").await;
    assert!(plane.find::<PersistentVolume>("small").await.is_none());
    plane.delete::<PersistentVolumeClaim>("default/early", "").await;
    assert_eq!(volume_phase(&plane, "big").await, "Released");
}

#[tokio::test(start_paused = true)]
async fn a_claim_in_use_is_deleted_when_its_pod_is_gone() {
    let plane = Plane::new().await;
    plane.create::<PersistentVolumeClaim>(claim("c", "1Gi", "s")).await;
    let pod = json!({"metadata": {"namespace": "default", "name": "p"}, "spec": {
        "nodeName": "n", "containers": [{"name": "c", "image": "i"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}});
    plane.create::<Pod>(pod).await;
    plane.delete::<PersistentVolumeClaim>("default/c", "").await;
    let claim = plane.get::<PersistentVolumeClaim>("default/c").await;
    assert!(claim.is_terminating());
    let now = orchestrator_client::DeleteOptions::default().grace(0);
    let pods = plane.client.api::<Pod>();
    pods.delete(&crate::plane::key("default/p"), &now).await.unwrap();
    plane.settle().await;
    assert!(plane.find::<PersistentVolumeClaim>("default/c").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_ephemeral_claim_is_made_for_its_pod_and_goes_with_it() {
    let plane = Plane::new().await;
    let template = json!({"spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}});
    let pod = json!({"metadata": {"namespace": "default", "name": "p"}, "spec": {
        "containers": [{"name": "c", "image": "i"}],
        "volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}]}});
    plane.create::<Pod>(pod).await;
    let claims = plane.list::<PersistentVolumeClaim>("default").await;
    assert_eq!(names(&claims), ["p-v"]);
    plane.delete::<Pod>("default/p", "Background").await;
    assert!(plane.list::<PersistentVolumeClaim>("default").await.is_empty());
}

/// Makes volumes of nothing.
#[derive(Debug)]
struct Imagined;

#[async_trait]
impl Provisioner for Imagined {
    fn name(&self) -> &str {
        "example.com/imagined"
    }

    async fn provision(
        &self,
        _: &ProvisionRequest,
        mut volume: PersistentVolume,
    ) -> Result<PersistentVolume, ProvisionError> {
        let path = HostPathVolumeSource { path: "/imagined".into(), type_: None };
        volume.spec.get_or_insert_default().host_path = Some(path);
        Ok(volume)
    }

    async fn remove(&self, _: &PersistentVolume) -> Result<(), ProvisionError> {
        Ok(())
    }
}

async fn with_provisioner() -> Plane {
    Plane::with(|deps| {
        let mut deps = deps.clone();
        deps.config.provisioners.push(Arc::new(Imagined));
        builtin(&deps)
    })
    .await
}

fn class(name: &str, provisioner: &str, mode: &str) -> Value {
    json!({"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode,
        "allowVolumeExpansion": true})
}

#[tokio::test(start_paused = true)]
async fn a_class_makes_volumes_lets_them_grow_and_removes_them() {
    let plane = with_provisioner().await;
    plane.create::<StorageClass>(class("s", "example.com/imagined", "Immediate")).await;
    plane.create::<PersistentVolumeClaim>(claim("c", "1Gi", "s")).await;
    assert_eq!(phase(&plane, "c").await, "Bound");
    let made = plane.list::<PersistentVolume>("").await;
    assert_eq!(made.len(), 1);
    let more = json!({"spec": {"resources": {"requests": {"storage": "3Gi"}}}});
    plane.patch::<PersistentVolumeClaim>("default/c", more).await;
    let grown = plane.get::<PersistentVolumeClaim>("default/c").await;
    let capacity = grown.status.as_ref().and_then(|status| status.capacity.clone()).unwrap();
    assert_eq!(capacity["storage"].0, "3Gi");
    plane.delete::<PersistentVolumeClaim>("default/c", "").await;
    assert!(plane.list::<PersistentVolume>("").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_class_that_waits_makes_a_volume_when_a_node_is_chosen() {
    let plane = with_provisioner().await;
    let waits = "WaitForFirstConsumer";
    plane.create::<StorageClass>(class("s", "example.com/imagined", waits)).await;
    plane.create::<PersistentVolume>(volume("free", "5Gi", "Retain")).await;
    plane.create::<PersistentVolumeClaim>(claim("c", "1Gi", "s")).await;
    assert_eq!(phase(&plane, "c").await, "Pending");
    let message = "WaitForFirstConsumer: waiting for first consumer to be created before binding";
    assert!(plane.events("c").await.contains(&message.to_owned()));
    let chosen = json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "n"}}});
    plane.patch::<PersistentVolumeClaim>("default/c", chosen).await;
    assert_eq!(phase(&plane, "c").await, "Bound");
    assert_eq!(volume_phase(&plane, "free").await, "Available");
}

#[tokio::test(start_paused = true)]
async fn somebody_else_is_asked_by_annotation() {
    let plane = Plane::new().await;
    plane.create::<StorageClass>(class("s", "example.com/disks", "Immediate")).await;
    plane.create::<PersistentVolumeClaim>(claim("c", "1Gi", "s")).await;
    let claim = plane.get::<PersistentVolumeClaim>("default/c").await;
    let asked = claim.annotation("volume.kubernetes.io/storage-provisioner");
    assert_eq!(asked, Some("example.com/disks"));
    assert!(plane.events("c").await[0].starts_with("ExternalProvisioning: Waiting for a volume"));
}

#[tokio::test(start_paused = true)]
async fn the_claims_of_a_set_go_as_it_says() {
    let plane = Plane::with(|deps| {
        let mut deps = deps.clone();
        deps.config.provisioners.push(Arc::new(Imagined));
        let mut all = builtin(&deps);
        all.push(crate::plane::runs_pods(deps.client().clone()));
        all
    })
    .await;
    plane.create::<StorageClass>(class("s", "example.com/imagined", "Immediate")).await;
    let templates = json!([{"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "s",
        "resources": {"requests": {"storage": "1Gi"}}}}]);
    let set = json!({"metadata": {"namespace": "default", "name": "s"}, "spec": {
        "replicas": 2, "serviceName": "svc", "selector": {"matchLabels": {"app": "s"}},
        "template": template("s", "img:1"), "volumeClaimTemplates": templates,
        "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete", "whenDeleted": "Delete"}}});
    plane.create::<StatefulSet>(set).await;
    let claims = plane.list::<PersistentVolumeClaim>("default").await;
    assert_eq!(names(&claims), ["data-s-0", "data-s-1"]);
    assert_eq!(phase(&plane, "data-s-1").await, "Bound");
    plane.patch::<StatefulSet>("default/s", json!({"spec": {"replicas": 1}})).await;
    plane.advance(120).await;
    let claims = plane.list::<PersistentVolumeClaim>("default").await;
    assert_eq!(names(&claims), ["data-s-0"]);
    plane.delete::<StatefulSet>("default/s", "Background").await;
    plane.advance(120).await;
    assert!(plane.list::<PersistentVolumeClaim>("default").await.is_empty());
    assert!(plane.list::<PersistentVolume>("").await.is_empty());
}
