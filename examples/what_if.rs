//! What if two nodes fail? A fork of the whole cluster tells, and the cluster never knows.

use std::error::Error;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator::Cluster;
use orchestrator::client::{DeleteOptions, KindExt, Selection};
use serde_json::json;

/// How many pods run, and on how many nodes.
async fn state(cluster: &Cluster) -> Result<(usize, usize), Box<dyn Error>> {
    let pods = cluster.client().api::<Pod>().list(&Selection::namespace("default")).await?;
    let running = pods.items.iter().filter(|pod| {
        !pod.is_terminating()
            && pod.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Running")
    });
    let mut nodes: Vec<_> =
        running.clone().filter_map(|p| p.spec.as_ref()?.node_name.clone()).collect();
    nodes.sort();
    nodes.dedup();
    Ok((running.count(), nodes.len()))
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder().simulated(1).simulated_nodes(4).start().await?;
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": 12,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "i",
                    "resources": {"requests": {"cpu": "100m"}}}]},
            },
        },
    }))?;
    cluster.client().api().create(&deployment).await?;
    cluster.advance(Duration::from_secs(10)).await;
    let before = state(&cluster).await?;
    println!("now: {} pods run on {} nodes", before.0, before.1);

    let fork = cluster.fork().expect("the cluster is in memory").simulated_nodes(2).start().await?;
    for name in ["node-2", "node-3"] {
        let key = orchestrator::core::ObjectKey::cluster(name);
        fork.client().api::<Node>().delete(&key, &DeleteOptions::default()).await?;
    }
    fork.advance(Duration::from_secs(120)).await;
    let after = state(&fork).await?;
    println!("without node-2 and node-3: {} pods run on {} nodes", after.0, after.1);
    assert_eq!((before, after), ((12, 4), (12, 2)));
    drop(fork);
    assert_eq!(state(&cluster).await?, before, "the cluster itself has not changed");
    Ok(())
}
