//! VolumeZone: a bound volume that has zone labels is used in its zone.

use std::collections::BTreeSet;
use std::sync::Arc;

use orchestrator_core::scheduler::storage::{class_name, volume_name};
use orchestrator_core::scheduler::{ClusterEvent, NodeInfo, PodInfo, Storage};

use super::pod_claims::{claims, uses};
use crate::framework::{Cycle, Filter, FilterPlugin, Plugin, Points, Reads, Refusal};

const REASON: &str = "node(s) had no available volume zone";

/// The labels that name a place, each with its older form.
const LABELS: [(&str, &str); 2] = [
    ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
];

/// Between the names of several zones in one label.
const SEPARATOR: &str = "__";

/// Refuses nodes outside the zone of a volume of the pod.
#[derive(Debug)]
pub struct VolumeZone;

/// A label that a node must have, in one of its forms and with one of some values.
type Place<'a> = ((&'static str, &'static str), BTreeSet<&'a str>);

impl Plugin for VolumeZone {
    fn name(&self) -> &'static str {
        "VolumeZone"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self);
    }
}

impl FilterPlugin for VolumeZone {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        match places(cycle.pod, cycle.snapshot.storage()) {
            Err(why) => Filter::Reject(Refusal::unresolvable(why)),
            Ok(places) if places.is_empty() => Filter::Skip,
            Ok(places) => Filter::each(move |node| match is_in(node, &places) {
                true => Ok(()),
                false => Err(Refusal::unresolvable(REASON)),
            }),
        }
    }

    fn reads(&self, pod: &PodInfo) -> Reads<'_> {
        match claims(pod).next() {
            Some(_) => Reads::anything(),
            None => Reads::nothing(),
        }
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        match event {
            ClusterEvent::NodeAdded { .. } | ClusterEvent::NodeChanged { .. } => true,
            ClusterEvent::Storage { kind: "PersistentVolumeClaim", key } => uses(pod, key),
            ClusterEvent::Storage { kind, .. } => {
                matches!(*kind, "PersistentVolume" | "StorageClass")
            }
            _ => false,
        }
    }
}

/// The places where the pod's volumes are.
fn places<'a>(pod: &'a PodInfo, storage: &'a Storage) -> Result<Vec<Place<'a>>, String> {
    let mut places = Vec::new();
    for claim in claims(pod).filter(|claim| !claim.name.is_empty()) {
        let claim = claim.find(storage)?;
        if volume_name(claim).is_none() {
            unbound(storage, claim)?;
            continue;
        }
        let Some(volume) = storage.volume_of(claim) else {
            let name = volume_name(claim).unwrap_or_default();
            return Err(format!("persistentvolume \"{name}\" not found"));
        };
        let labels = volume.metadata.labels.iter().flatten();
        for (label, value) in labels {
            if let Some(forms) = LABELS.iter().find(|(new, old)| label == new || label == old) {
                places.push((*forms, value.split(SEPARATOR).map(str::trim).collect()));
            }
        }
    }
    Ok(places)
}

/// Whether a claim without a volume may stay so until the pod has a node.
fn unbound(
    storage: &Storage,
    claim: &k8s_openapi::api::core::v1::PersistentVolumeClaim,
) -> Result<(), String> {
    let Some(name) = class_name(claim) else {
        return Err("PersistentVolumeClaim had no pv name and storageClass name".to_owned());
    };
    let Some(class) = storage.class_of(claim) else {
        return Err(format!("storageclasses.storage.k8s.io \"{name}\" not found"));
    };
    match class.volume_binding_mode.as_deref() {
        Some("WaitForFirstConsumer") => Ok(()),
        Some(_) => Err("PersistentVolume had no name".to_owned()),
        None => Err(format!("VolumeBindingMode not set for StorageClass \"{name}\"")),
    }
}

/// Whether the node is in all the places; one that says nothing of zones is everywhere.
fn is_in(node: &NodeInfo, places: &[Place<'_>]) -> bool {
    let labels = node.labels();
    if !LABELS.iter().any(|(new, old)| labels.contains_key(*new) || labels.contains_key(*old)) {
        return true;
    }
    places.iter().all(|((new, old), values)| {
        let value = labels.get(*new).or_else(|| labels.get(*old));
        value.is_some_and(|value| values.contains(value.as_str()))
    })
}
