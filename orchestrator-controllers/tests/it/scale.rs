//! Many workloads at once, twice, with the same result.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::KindExt;
use serde_json::json;

use crate::plane::{Plane, template};

/// Makes Deployments all at once; returns the pods with the revisions that wrote them last.
async fn run(count: usize) -> Vec<(String, u64)> {
    let plane = Plane::with_pods().await;
    let api = plane.client.api::<Deployment>();
    for index in 0..count {
        let name = format!("web-{index}");
        let deployment = json!({"metadata": {"namespace": "default", "name": name}, "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": name}},
            "template": template(&name, "img:1")}});
        api.create(&serde_json::from_value(deployment).unwrap()).await.unwrap();
    }
    plane.settle().await;
    let complete = plane
        .list::<Deployment>("default")
        .await
        .iter()
        .all(|deployment| deployment.status.as_ref().unwrap().available_replicas == Some(3));
    assert!(complete);
    for metrics in plane.manager.metrics() {
        assert_eq!((metrics.panics, metrics.unseen_writes), (0, 0), "{metrics:?}");
    }
    let pods = plane.list::<Pod>("default").await;
    pods.iter().map(|pod| (pod.name().to_owned(), pod.revision().get())).collect()
}

#[tokio::test(start_paused = true)]
async fn many_deployments_settle_and_two_runs_of_a_seed_are_the_same() {
    let first = run(40).await;
    assert_eq!(first.len(), 120);
    assert_eq!(first, run(40).await);
}
