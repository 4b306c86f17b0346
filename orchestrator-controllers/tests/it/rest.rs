//! At rest the plane is silent: with nothing to do, no controller writes anything.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    Namespace, PersistentVolume, PersistentVolumeClaim, ReplicationController, ResourceQuota,
    Service,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use orchestrator_client::Selection;
use serde_json::json;

use crate::plane::{Plane, template};

/// The newest revision of the store, which every write of anything raises.
async fn revision(plane: &Plane) -> u64 {
    plane.client.api::<Namespace>().list(&Selection::default()).await.unwrap().revision.get()
}

#[tokio::test(start_paused = true)]
async fn an_hour_passes_without_a_write() {
    let plane = Plane::with_pods().await;
    let meta = |name: &str| json!({"namespace": "default", "name": name});
    let workload = |name: &str| {
        json!({"metadata": meta(name), "spec": {"replicas": 2, "serviceName": "s",
            "selector": {"matchLabels": {"app": name}}, "template": template(name, "img")}})
    };
    plane.create::<Deployment>(workload("d")).await;
    plane.create::<StatefulSet>(workload("s")).await;
    let daemon = json!({"metadata": meta("ds"), "spec": {
        "selector": {"matchLabels": {"app": "ds"}}, "template": template("ds", "img")}});
    plane.create::<DaemonSet>(daemon).await;
    let old = json!({"metadata": meta("rc"), "spec": {"replicas": 1, "selector": {"app": "rc"},
        "template": template("rc", "img")}});
    plane.create::<ReplicationController>(old).await;
    let mut pods = template("j", "img");
    pods["spec"]["restartPolicy"] = json!("Never");
    plane.create::<Job>(json!({"metadata": meta("j"), "spec": {"template": pods}})).await;
    plane
        .create::<Service>(json!({"metadata": meta("svc"), "spec": {
            "selector": {"app": "d"}, "ports": [{"port": 80}]}}))
        .await;
    plane
        .create::<PodDisruptionBudget>(json!({"metadata": meta("pdb"), "spec": {
            "minAvailable": 1, "selector": {"matchLabels": {"app": "d"}}}}))
        .await;
    plane
        .create::<ResourceQuota>(json!({"metadata": meta("q"), "spec": {"hard": {"pods": "99"}}}))
        .await;
    plane
        .create::<PersistentVolume>(json!({"metadata": {"name": "v"}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": "x", "hostPath": {"path": "/x"}}}))
        .await;
    let claim = |name: &str, size: &str| {
        json!({"metadata": meta(name), "spec": {"accessModes": ["ReadWriteOnce"],
            "storageClassName": "x", "resources": {"requests": {"storage": size}}}})
    };
    plane.create::<PersistentVolumeClaim>(claim("fits", "1Gi")).await;
    plane.create::<PersistentVolumeClaim>(claim("never", "9Gi")).await;
    // Until the events of the beginning have expired, which is a write too.
    plane.advance(2 * 3600).await;
    let before = revision(&plane).await;
    plane.advance(3600).await;
    assert_eq!(revision(&plane).await, before, "something was written at rest");
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_without_metrics_says_so_and_scales_into_its_bounds() {
    let plane = Plane::with_pods().await;
    let deployment = json!({"metadata": {"namespace": "default", "name": "d"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "d"}}, "template": template("d", "i")}});
    plane.create::<Deployment>(deployment).await;
    let scaler = json!({"metadata": {"namespace": "default", "name": "h"}, "spec": {
        "minReplicas": 3, "maxReplicas": 5,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}});
    plane.create::<HorizontalPodAutoscaler>(scaler).await;
    plane.settle().await;
    let deployment = plane.get::<Deployment>("default/d").await;
    assert_eq!(deployment.spec.as_ref().unwrap().replicas, Some(3));
    plane.advance(16).await;
    let scaler = plane.get::<HorizontalPodAutoscaler>("default/h").await;
    let status = scaler.status.clone().unwrap();
    let words: Vec<String> = status
        .conditions
        .iter()
        .flatten()
        .map(|c| format!("{}={}:{}", c.type_, c.status, c.reason.clone().unwrap_or_default()))
        .collect();
    assert_eq!(
        words,
        ["AbleToScale=True:SucceededGetScale", "ScalingActive=False:FailedGetResourceMetric"]
    );
    let events = plane.events("h").await;
    let reason = "Current number of replicas below Spec.MinReplicas";
    assert!(events.contains(&format!("SuccessfulRescale: New size: 3; reason: {reason}")));
}
