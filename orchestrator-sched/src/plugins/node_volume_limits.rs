//! NodeVolumeLimits: a node takes as many volumes of a CSI driver as the driver says.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use orchestrator_core::scheduler::storage::{class_name, volume_name};
use orchestrator_core::scheduler::{ClusterEvent, NodeInfo, PodInfo, Storage};

use super::pod_claims::{claims, uses};
use crate::framework::{Cycle, Filter, FilterPlugin, Plugin, Points, Reads, Refusal};

const REASON: &str = "node(s) exceed max volume count";

/// Refuses nodes that have no room for the pod's volumes.
#[derive(Debug)]
pub struct NodeVolumeLimits;

/// What tells volumes apart: the driver, and the volume's name with it.
type Attachable = (String, String);

impl Plugin for NodeVolumeLimits {
    fn name(&self) -> &'static str {
        "NodeVolumeLimits"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self);
    }
}

impl FilterPlugin for NodeVolumeLimits {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let storage = cycle.snapshot.storage();
        for claim in claims(cycle.pod) {
            if let Err(why) = claim.find(storage) {
                return Filter::Reject(Refusal::unresolvable(why));
            }
        }
        let wanted = attachables(cycle.pod, storage);
        if wanted.is_empty() {
            return Filter::Skip;
        }
        Filter::each(move |node| match has_room(node, &wanted, storage) {
            true => Ok(()),
            false => Err(Refusal::resolvable(REASON)),
        })
    }

    fn reads(&self, pod: &PodInfo) -> Reads<'_> {
        match claims(pod).next() {
            Some(_) => Reads::anything(),
            None => Reads::nothing(),
        }
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        match event {
            ClusterEvent::PodRemoved { pod: gone } => {
                claims(pod).next().and(claims(gone).next()).is_some()
            }
            ClusterEvent::NodeAdded { .. } => true,
            ClusterEvent::Storage { kind: "PersistentVolumeClaim", key } => uses(pod, key),
            ClusterEvent::Storage { kind, .. } => matches!(*kind, "CSINode" | "VolumeAttachment"),
            _ => false,
        }
    }
}

/// The volumes of a pod that a driver attaches; claims that are not there count for nothing.
fn attachables(pod: &PodInfo, storage: &Storage) -> Vec<Attachable> {
    let claims = claims(pod).filter_map(|claim| claim.find(storage).ok());
    let mut all: Vec<_> = claims.filter_map(|claim| attachable(claim, storage)).collect();
    all.sort();
    all.dedup();
    all
}

/// The volume of a claim; one that is yet to be made is named after the claim.
fn attachable(claim: &PersistentVolumeClaim, storage: &Storage) -> Option<Attachable> {
    if volume_name(claim).is_some()
        && let Some(volume) = storage.volume_of(claim)
    {
        let csi = volume.spec.as_ref()?.csi.as_ref()?;
        return Some((csi.driver.clone(), csi.volume_handle.clone()));
    }
    class_name(claim)?;
    let driver = storage.class_of(claim)?.provisioner.clone();
    let meta = &claim.metadata;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Some((driver, format!("{}/{}", text(&meta.namespace), text(&meta.name))))
}

/// Whether the node's drivers can attach what the pod wants beside what is there.
fn has_room(node: &NodeInfo, wanted: &[Attachable], storage: &Storage) -> bool {
    let limits = limits(&node.name, storage);
    if limits.is_empty() {
        return true;
    }
    let mut present: Vec<_> = node.pods.iter().flat_map(|pod| attachables(pod, storage)).collect();
    present.extend(attached(&node.name, storage));
    present.sort();
    present.dedup();
    let count = |all: &[Attachable], driver: &str| {
        all.iter().filter(|(other, _)| other == driver).count() as i64
    };
    let new: Vec<_> =
        wanted.iter().filter(|volume| present.binary_search(volume).is_err()).cloned().collect();
    limits.iter().all(|(driver, limit)| match count(&new, driver) {
        0 => true,
        more => count(&present, driver) + more <= *limit,
    })
}

/// How many volumes each driver can attach to the node, where it says so.
fn limits<'a>(node: &str, storage: &'a Storage) -> BTreeMap<&'a str, i64> {
    let drivers = storage.nodes.get(node).into_iter().flat_map(|node| &node.spec.drivers);
    let limit = |driver: &'a k8s_openapi::api::storage::v1::CSINodeDriver| {
        let count = driver.allocatable.as_ref()?.count?;
        Some((driver.name.as_str(), i64::from(count)))
    };
    drivers.filter_map(limit).collect()
}

/// The volumes that are attached to the node, whoever uses them.
fn attached(node: &str, storage: &Storage) -> Vec<Attachable> {
    let here = storage.attachments.values().filter(|other| other.spec.node_name == node);
    here.filter_map(|attachment| {
        let name = attachment.spec.source.persistent_volume_name.as_deref()?;
        let csi = storage.volumes.get(name)?.spec.as_ref()?.csi.as_ref()?;
        Some((attachment.spec.attacher.clone(), csi.volume_handle.clone()))
    })
    .collect()
}
