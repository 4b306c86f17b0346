//! Nodes that fall silent, and the pods on them.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator_client::KindExt;
use serde_json::{Value, json};

use crate::plane::Plane;

async fn add_node(plane: &Plane, name: &str) {
    plane.create::<Node>(json!({"metadata": {"name": name}})).await;
    let lease = json!({"metadata": {"namespace": "kube-node-lease", "name": name},
        "spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}});
    plane.create::<Lease>(lease).await;
    let now = plane.env.now_rfc3339();
    let ready = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": now});
    plane.patch_status::<Node>(name, json!({"conditions": [ready]})).await;
}

async fn renew(plane: &Plane, name: &str) {
    let now = orchestrator_core::env::rfc3339_micros(plane.env.now());
    plane
        .patch::<Lease>(&format!("kube-node-lease/{name}"), json!({"spec": {"renewTime": now}}))
        .await;
}

fn pod(name: &str, node: &str, tolerations: Value) -> Value {
    json!({"metadata": {"namespace": "default", "name": name}, "spec": {"nodeName": node,
        "containers": [{"name": "c", "image": "i"}], "tolerations": tolerations}})
}

async fn taints(plane: &Plane, name: &str) -> String {
    let node = plane.get::<Node>(name).await;
    let taints = node.spec.clone().unwrap_or_default().taints.unwrap_or_default();
    let mut words: Vec<_> = taints
        .iter()
        .map(|t| format!("{}:{}", t.key.trim_start_matches("node.kubernetes.io/"), t.effect))
        .collect();
    words.sort();
    words.join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_tainted_and_its_pods_leave_after_their_toleration() {
    let plane = Plane::new().await;
    add_node(&plane, "a").await;
    add_node(&plane, "b").await;
    assert_eq!(taints(&plane, "a").await, "");
    let ranges = [plane.get::<Node>("a").await, plane.get::<Node>("b").await];
    let ranges = ranges.map(|node| node.spec.clone().unwrap().pod_cidr.unwrap());
    assert_eq!(ranges, ["127.64.0.0/24", "127.64.1.0/24"]);

    let seconds = json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists",
        "effect": "NoExecute", "tolerationSeconds": 30}]);
    let forever = json!([{"operator": "Exists"}]);
    plane.create::<Pod>(pod("brief", "a", seconds)).await;
    plane.create::<Pod>(pod("loyal", "a", forever)).await;
    let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    plane.patch_status::<Pod>("default/brief", ready).await;

    for _ in 0..3 {
        plane.advance(15).await;
        renew(&plane, "b").await;
    }
    assert_eq!(taints(&plane, "a").await, "unreachable:NoExecute unreachable:NoSchedule");
    assert_eq!(taints(&plane, "b").await, "");
    let brief = plane.get::<Pod>("default/brief").await;
    let conditions = brief.status.clone().unwrap().conditions.unwrap();
    let status = conditions.iter().find(|c| c.type_ == "Ready").map(|c| c.status.as_str());
    assert_eq!((brief.is_terminating(), status), (false, Some("False")));

    plane.advance(31).await;
    assert!(plane.get::<Pod>("default/brief").await.is_terminating());
    assert!(!plane.get::<Pod>("default/loyal").await.is_terminating());

    // It speaks again: the taints go. It goes for good: so do its pods.
    renew(&plane, "a").await;
    let now = plane.env.now_rfc3339();
    let ready = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": now});
    plane.patch_status::<Node>("a", json!({"conditions": [ready]})).await;
    assert_eq!(taints(&plane, "a").await, "");
    plane.delete::<Node>("a", "").await;
    plane.advance(41).await;
    assert!(plane.find::<Pod>("default/loyal").await.is_none());
    assert!(plane.find::<Pod>("default/brief").await.is_none());
}
