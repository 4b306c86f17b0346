//! What the tests share: planes, and objects to put into them.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use orchestrator::Cluster;
use orchestrator::client::Selection;
use serde_json::json;

/// A settled plane with simulated nodes, in virtual time.
pub async fn simulated(seed: u64, nodes: usize) -> Cluster {
    let builder = Cluster::builder().simulated(seed).simulated_nodes(nodes);
    let cluster = builder.start().await.expect("the plane starts");
    cluster.settle().await;
    cluster
}

/// A Deployment in the default namespace.
pub fn deployment(name: &str, replicas: usize) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": "i",
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}]},
            },
        },
    }))
    .expect("a deployment")
}

/// The pods of the default namespace that run and are not on their way out.
pub async fn running(cluster: &Cluster) -> Vec<std::sync::Arc<Pod>> {
    let listed = cluster.client().api::<Pod>().list(&Selection::namespace("default")).await;
    let mut pods = listed.expect("pods can be listed").items;
    pods.retain(|pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
    });
    pods
}

/// Long enough for pods to be scheduled and started.
pub const STARTED: Duration = Duration::from_secs(30);
