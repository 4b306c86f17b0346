//! Quotas: counted by the controller, kept by the API server.

use k8s_openapi::api::core::v1::{ConfigMap, Pod, ResourceQuota, Service};
use orchestrator_client::Patch;
use serde_json::json;

use crate::plane::{Plane, key};

async fn used(plane: &Plane) -> String {
    let quota = plane.get::<ResourceQuota>("default/q").await;
    let used = quota.status.as_ref().and_then(|status| status.used.clone()).unwrap_or_default();
    used.iter().map(|(word, amount)| format!("{word}={}", amount.0)).collect::<Vec<_>>().join(" ")
}

fn config_map(name: &str) -> serde_json::Value {
    json!({"metadata": {"namespace": "default", "name": name}})
}

#[tokio::test(start_paused = true)]
async fn a_quota_counts_what_is_there_and_refuses_what_is_too_much() {
    let plane = Plane::with_pods().await;
    plane.create::<ConfigMap>(config_map("before")).await;
    // The root certificate of the namespace is a config map too.
    let hard = json!({"configmaps": "3", "pods": "1", "requests.cpu": "1"});
    let quota = json!({"metadata": {"namespace": "default", "name": "q"}, "spec": {"hard": hard}});
    plane.create::<ResourceQuota>(quota).await;
    assert_eq!(used(&plane).await, "configmaps=2 pods=0 requests.cpu=0");
    plane.create::<ConfigMap>(config_map("one")).await;
    let more: ConfigMap = serde_json::from_value(config_map("two")).unwrap();
    let refused = plane.client.api::<ConfigMap>().create(&more).await.unwrap_err();
    assert_eq!(refused.code, 403);
    assert!(refused.message.contains("exceeded quota: q"), "{}", refused.message);
    plane.delete::<ConfigMap>("default/before", "").await;
    assert_eq!(used(&plane).await, "configmaps=2 pods=0 requests.cpu=0");
    plane.client.api::<ConfigMap>().create(&more).await.unwrap();

    let pod = json!({"metadata": {"namespace": "default", "name": "p"}, "spec": {"containers":
        [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "250m"}}}]}});
    plane.create::<Pod>(pod).await;
    assert_eq!(used(&plane).await, "configmaps=3 pods=1 requests.cpu=250m");
    plane.patch_status::<Pod>("default/p", json!({"phase": "Succeeded"})).await;
    assert_eq!(used(&plane).await, "configmaps=3 pods=0 requests.cpu=0");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_grows_is_charged() {
    let plane = Plane::new().await;
    let hard = json!({"services.nodeports": "1", "services": "5"});
    let quota = json!({"metadata": {"namespace": "default", "name": "q"}, "spec": {"hard": hard}});
    plane.create::<ResourceQuota>(quota).await;
    let service = json!({"metadata": {"namespace": "default", "name": "s"}, "spec": {
        "ports": [{"name": "a", "port": 80}]}});
    plane.create::<Service>(service).await;
    // The service of the API itself is in this namespace too.
    assert_eq!(used(&plane).await, "services=2 services.nodeports=0");
    plane.patch::<Service>("default/s", json!({"spec": {"type": "NodePort"}})).await;
    assert_eq!(used(&plane).await, "services=2 services.nodeports=1");
    let two = json!({"spec": {"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}});
    let api = plane.client.api::<Service>();
    let refused = api.patch(&key("default/s"), Patch::Merge(two)).await.unwrap_err();
    assert!(refused.message.contains("requested: services.nodeports=1"), "{}", refused.message);
    plane.patch::<Service>("default/s", json!({"spec": {"type": "ClusterIP"}})).await;
    assert_eq!(used(&plane).await, "services=2 services.nodeports=0");
}
