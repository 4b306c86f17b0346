//! Volumes in small clusters; the recorded decisions are in `tests/it/cases.rs`.

use super::*;
use crate::testing::{node, pod};
use orchestrator_core::ObjectKey;
use orchestrator_core::scheduler::Snapshot;
use serde_json::{Value, json};

fn read<T: serde::de::DeserializeOwned>(wire: Value) -> Arc<T> {
    Arc::new(serde_json::from_value(wire).unwrap())
}

/// The provisioner of volumes that are made by hand.
const BY_HAND: &str = "kubernetes.io/no-provisioner";

/// A class of this provisioner, a claim to 5Gi of it, and volumes of these sizes on node `a`.
fn snapshot(provisioner: &str, sizes: &[&str]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for name in ["a", "b"] {
        let labels = json!({"kubernetes.io/hostname": name});
        let fields = json!({"metadata": {"name": name, "labels": labels}});
        snapshot.set_node(Arc::clone(&node(name, fields).node));
    }
    let storage = snapshot.storage_mut();
    let class = json!({"metadata": {"name": "fast"}, "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer"});
    storage.classes.insert("fast".into(), read(class));
    let claim = json!({"metadata": {"name": "c", "namespace": "default"}, "spec": {
        "storageClassName": "fast", "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "5Gi"}}}});
    storage.claims.insert(ObjectKey::new("default", "c"), read(claim));
    for (index, size) in sizes.iter().enumerate() {
        let on_a = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": ["a"]});
        let terms = json!([{"matchExpressions": [on_a]}]);
        let volume = json!({"metadata": {"name": format!("v{index}")}, "spec": {
            "storageClassName": "fast", "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": size},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}}},
            "status": {"phase": "Available"}});
        storage.volumes.insert(format!("v{index}"), read(volume));
    }
    snapshot
}

fn verdicts(snapshot: &Snapshot) -> Vec<String> {
    let claim = json!({"claimName": "c"});
    let pod = pod("p", json!({"volumes": [{"name": "v", "persistentVolumeClaim": claim}]}));
    match VolumeBinding::default().prepare(Cycle { pod: &pod, snapshot }) {
        Filter::Each(filter) => {
            let judge = |node: &Arc<NodeInfo>| match filter(node) {
                Ok(()) => "ok".to_owned(),
                Err(refusal) => refusal.reasons.join(", "),
            };
            snapshot.nodes().iter().map(judge).collect()
        }
        Filter::Reject(refusal) => refusal.reasons,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_volume_is_found_where_it_is_and_large_enough() {
    assert_eq!(verdicts(&snapshot(BY_HAND, &["10Gi"])), ["ok", REASON_NONE]);
    assert_eq!(verdicts(&snapshot(BY_HAND, &["1Gi"])), [REASON_NONE, REASON_NONE]);
}

#[test]
fn a_volume_is_made_where_the_driver_has_room() {
    let mut snapshot = snapshot("csi.example.com", &[]);
    assert_eq!(verdicts(&snapshot), ["ok", "ok"]);
    let driver = json!({"metadata": {"name": "d"}, "spec": {"storageCapacity": true}});
    let room = json!({"metadata": {"name": "r"}, "storageClassName": "fast", "capacity": "6Gi",
        "nodeTopology": {"matchLabels": {"kubernetes.io/hostname": "b"}}});
    let storage = snapshot.storage_mut();
    storage.drivers.insert("csi.example.com".into(), read(driver));
    storage.capacities.insert(ObjectKey::new("default", "r"), read(room));
    assert_eq!(verdicts(&snapshot), [REASON_FULL, "ok"]);
}

#[test]
fn a_claim_that_nobody_binds_yet_rejects_the_pod() {
    let mut snapshot = snapshot("csi.example.com", &[]);
    snapshot.storage_mut().classes.clear();
    assert_eq!(verdicts(&snapshot), ["storageclass.storage.k8s.io \"fast\" not found"]);
    snapshot.storage_mut().claims.clear();
    assert_eq!(verdicts(&snapshot), ["persistentvolumeclaim \"c\" not found"]);
}
