//! Many nodes and many pods in one process, on virtual time.

use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::Selection;
use orchestrator_core::Env;
use serde_json::json;

use crate::plane::{Plane, one};

#[tokio::test(start_paused = true)]
async fn many_pods_settle_on_many_nodes() {
    const NODES: u32 = 100;
    const PODS: u32 = 600;
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(NODES).await;
    for index in 0..PODS {
        let mut spec = one("Always");
        spec["nodeName"] = format!("node-{}", index % NODES).into();
        plane.pod(&format!("p-{index}"), json!({}), spec).await;
    }
    plane.settle().await;
    let pods = plane.client.api::<Pod>().list(&Selection::default()).await.unwrap();
    let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone());
    let running = pods.items.iter().filter(|pod| phase(pod).as_deref() == Some("Running"));
    assert_eq!(running.count(), PODS as usize);
    let mut ips: Vec<_> = pods.items.iter().map(|p| p.status.clone().unwrap().pod_ip).collect();
    ips.sort();
    ips.dedup();
    assert_eq!(ips.len(), PODS as usize);
}
