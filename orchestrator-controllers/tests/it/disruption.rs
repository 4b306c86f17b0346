//! Budgets and evictions.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use orchestrator_client::KindExt;
use orchestrator_core::Object;
use serde_json::json;

use crate::plane::{Plane, template};

#[tokio::test(start_paused = true)]
async fn a_budget_lets_pods_go_one_by_one() {
    let plane = Plane::with_pods().await;
    let deployment = json!({"metadata": {"namespace": "default", "name": "web"}, "spec": {"replicas": 3,
        "selector": {"matchLabels": {"app": "web"}}, "template": template("web", "i")}});
    plane.create::<Deployment>(deployment).await;
    let budget = json!({"metadata": {"namespace": "default", "name": "b"}, "spec": {
        "maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    plane.create::<PodDisruptionBudget>(budget).await;
    let status = plane.get::<PodDisruptionBudget>("default/b").await.status.clone().unwrap();
    let counts = (status.expected_pods, status.current_healthy, status.disruptions_allowed);
    assert_eq!(counts, (Some(3), Some(3), Some(1)));

    let pods = plane.list::<Pod>("default").await;
    let evict = |pod: &Pod| {
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"namespace": "default", "name": pod.name()}});
        let eviction: Object = serde_json::from_value(eviction).unwrap();
        let (api, key) = (plane.client.api::<Pod>(), pod.key());
        async move { api.create_sub(&key, "eviction", eviction).await }
    };
    evict(&pods[0]).await.unwrap();
    assert_eq!(evict(&pods[1]).await.unwrap_err().code, 429);
    plane.settle().await;
    evict(&pods[1]).await.unwrap();
}
