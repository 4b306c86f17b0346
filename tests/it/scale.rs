//! A thousand Deployments on five hundred nodes, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use orchestrator::client::Selection;

use crate::plane::{deployment, running, simulated};

const DEPLOYMENTS: usize = 1000;
const REPLICAS: usize = 3;
const NODES: usize = 500;

#[tokio::test(start_paused = true)]
async fn a_thousand_deployments_of_three_settle_on_five_hundred_nodes() {
    let cluster = simulated(1, NODES).await;
    let deployments = cluster.client().api::<Deployment>();
    for n in 0..DEPLOYMENTS {
        deployments.create(&deployment(&format!("d-{n:04}"), REPLICAS)).await.unwrap();
    }
    cluster.advance(Duration::from_secs(300)).await;
    let pods = running(&cluster).await;
    assert_eq!(pods.len(), DEPLOYMENTS * REPLICAS);
    let mut per_node: BTreeMap<String, usize> = BTreeMap::new();
    let mut addresses: Vec<String> = Vec::new();
    for pod in &pods {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap();
        *per_node.entry(node).or_default() += 1;
        addresses.extend(pod.status.as_ref().and_then(|status| status.pod_ip.clone()));
    }
    // The scheduler looks at a part of so many nodes for each pod, so the spread is not perfect.
    assert!(per_node.len() > NODES * 9 / 10, "nearly all nodes are used: {}", per_node.len());
    assert!(per_node.values().all(|count| *count <= 4 * REPLICAS), "and evenly: {per_node:?}");
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), pods.len(), "every pod has an address of its own");
    for deployment in deployments.list(&Selection::default()).await.unwrap().items {
        let status = deployment.status.clone().unwrap_or_default();
        assert_eq!(status.ready_replicas, Some(REPLICAS as i32));
        assert_eq!(status.observed_generation, deployment.metadata.generation);
    }
}
