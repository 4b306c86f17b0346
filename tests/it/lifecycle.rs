//! Nodes and planes come and go.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator::client::{DeleteOptions, KindExt};
use orchestrator::core::ObjectKey;

use crate::plane::{STARTED, deployment, running, simulated};

#[tokio::test(start_paused = true)]
async fn a_deployment_of_three_runs_and_heals() {
    let cluster = simulated(1, 3).await;
    cluster.client().api().create(&deployment("web", 3)).await.unwrap();
    cluster.advance(STARTED).await;
    let pods = running(&cluster).await;
    assert_eq!(pods.len(), 3);
    let options = DeleteOptions::default().grace(0);
    cluster.client().api::<Pod>().delete(&pods[0].key(), &options).await.unwrap();
    cluster.advance(STARTED).await;
    let healed = running(&cluster).await;
    assert_eq!(healed.len(), 3);
    assert!(!healed.iter().any(|pod| pod.uid() == pods[0].uid()));
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_node_that_falls_silent_move_after_their_toleration() {
    let mut cluster = simulated(1, 3).await;
    cluster.client().api().create(&deployment("web", 6)).await.unwrap();
    cluster.advance(STARTED).await;
    assert_eq!(running(&cluster).await.len(), 6);
    assert!(cluster.stop_node("node-1"));
    cluster.advance(Duration::from_secs(60)).await;
    let node = cluster.client().api::<Node>().get(&ObjectKey::cluster("node-1")).await.unwrap();
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    assert!(
        taints.iter().any(|t| t.key == "node.kubernetes.io/unreachable" && t.effect == "NoExecute")
    );
    cluster.advance(Duration::from_secs(400)).await;
    let pods = running(&cluster).await;
    assert_eq!(pods.len(), 6);
    let on = |pod: &std::sync::Arc<Pod>| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    assert!(pods.iter().all(|pod| on(pod).as_deref() != Some("node-1")));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_plane_leaves_no_task_behind() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let cluster = simulated(1, 2).await;
    cluster.client().api().create(&deployment("web", 2)).await.unwrap();
    cluster.advance(STARTED).await;
    drop(cluster);
    // Aborted tasks are gone after their next turn.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn a_fork_goes_its_own_way() {
    let cluster = simulated(1, 2).await;
    cluster.client().api().create(&deployment("web", 2)).await.unwrap();
    cluster.advance(STARTED).await;
    let fork = cluster.fork().expect("in memory").simulated_nodes(2).start().await.unwrap();
    fork.client().api().create(&deployment("more", 3)).await.unwrap();
    fork.advance(STARTED).await;
    assert_eq!((running(&fork).await.len(), running(&cluster).await.len()), (5, 2));
}
