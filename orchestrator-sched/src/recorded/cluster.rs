//! The objects of a recording as a scheduler sees them.

use std::collections::BTreeMap;
use std::sync::Arc;

use orchestrator_core::ObjectKey;
use orchestrator_core::scheduler::{PodGroup, PodInfo, Snapshot, Storage};
use orchestrator_core::selector::LabelSelector;
use serde_json::Value as Json;

use super::{list, typed};

/// The fields of a case that list objects about volumes, with their kinds.
const STORAGE: [(&str, &str); 7] = [
    ("pvcs", "PersistentVolumeClaim"),
    ("pvs", "PersistentVolume"),
    ("storageclasses", "StorageClass"),
    ("csidrivers", "CSIDriver"),
    ("csinodes", "CSINode"),
    ("csistoragecapacities", "CSIStorageCapacity"),
    ("volumeattachments", "VolumeAttachment"),
];

/// The fields of a case that list objects which select pods, with their kinds.
const GROUPS: [(&str, &str); 3] =
    [("services", "Service"), ("replicasets", "ReplicaSet"), ("pdbs", "PodDisruptionBudget")];

/// The cluster of a case.
pub(super) fn snapshot(case: &Json) -> Result<Snapshot, String> {
    let mut snapshot = Snapshot::default();
    for node in list(&case["nodes"]) {
        snapshot.set_node(Arc::new(typed(node)?));
    }
    for pod in list(&case["pods"]) {
        let pod = Arc::new(PodInfo::new(Arc::new(typed(pod)?)));
        if !pod.is_finished() {
            snapshot.assume(Arc::clone(&pod), pod.node_name());
        }
    }
    for namespace in list(&case["namespaces"]) {
        let labels = namespace["metadata"].get("labels").map(typed).transpose()?;
        snapshot.set_namespace(&key(&namespace["metadata"]).name, Some(labels.unwrap_or_default()));
    }
    for (field, kind) in GROUPS {
        for object in list(&case[field]) {
            snapshot.set_group(kind, &key(&object["metadata"]), Some(group(kind, object)?));
        }
    }
    for (field, kind) in STORAGE {
        for object in list(&case[field]) {
            set_storage(snapshot.storage_mut(), kind, &key(&object["metadata"]), Some(object))?;
        }
    }
    for pod in list(&case["pending"]) {
        let node = pod["status"]["nominatedNodeName"].as_str().unwrap_or_default();
        snapshot.nominate(Arc::new(PodInfo::new(Arc::new(typed(pod)?))), node);
    }
    Ok(snapshot)
}

/// Namespace and name.
pub(super) fn key(meta: &Json) -> ObjectKey {
    let text = |field: &str| meta[field].as_str().unwrap_or_default().to_owned();
    ObjectKey::new(text("namespace"), text("name"))
}

/// The pods that an object of `kind` selects.
pub(super) fn group(kind: &str, object: &Json) -> Result<PodGroup, String> {
    let malformed = |why: &dyn std::fmt::Display| format!("malformed selector: {why}: {object}");
    let selector = object["spec"].get("selector");
    if kind == "Service" {
        let labels: BTreeMap<String, String> = selector.map(typed).transpose()?.unwrap_or_default();
        let labels = labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let selector = LabelSelector::from_labels(labels).map_err(|why| malformed(&why))?;
        return Ok(PodGroup::new(selector));
    }
    let selector = LabelSelector::from_json(selector).map_err(|why| malformed(&why))?;
    let group = PodGroup::new(selector);
    Ok(match kind {
        "PodDisruptionBudget" => {
            let allowed = object["status"]["disruptionsAllowed"].as_i64();
            group.allowing(allowed.unwrap_or_default())
        }
        _ => group,
    })
}

/// Sets an object about volumes, `None` where it is gone; false for another kind.
pub(super) fn set_storage(
    storage: &mut Storage,
    kind: &str,
    key: &ObjectKey,
    object: Option<&Json>,
) -> Result<bool, String> {
    let name = key.name.to_string();
    match kind {
        "PersistentVolumeClaim" => set(&mut storage.claims, key.clone(), object)?,
        "PersistentVolume" => set(&mut storage.volumes, name, object)?,
        "StorageClass" => set(&mut storage.classes, name, object)?,
        "CSIDriver" => set(&mut storage.drivers, name, object)?,
        "CSINode" => set(&mut storage.nodes, name, object)?,
        "CSIStorageCapacity" => set(&mut storage.capacities, key.clone(), object)?,
        "VolumeAttachment" => set(&mut storage.attachments, name, object)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn set<N: Ord, T: serde::de::DeserializeOwned>(
    map: &mut BTreeMap<N, Arc<T>>,
    name: N,
    object: Option<&Json>,
) -> Result<(), String> {
    match object {
        Some(object) => drop(map.insert(name, Arc::new(typed(object)?))),
        None => drop(map.remove(&name)),
    }
    Ok(())
}
