//! VolumeRestrictions: disks that one node, or claims that one pod, may use at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Volume;
use orchestrator_core::scheduler::{ClusterEvent, NodeInfo, PodInfo, Snapshot};

use super::pod_claims::{claims, uses, volumes};
use crate::framework::{Cycle, Filter, FilterPlugin, Plugin, Points, Reads, Refusal};

const REASON_DISK: &str = "node(s) had no available disk";
const REASON_ONE_POD: &str = "node(s) unavailable due to PersistentVolumeClaim with \
                              ReadWriteOncePod access mode already in-use by another pod";

/// The access mode of a claim that one pod may use at a time.
const ONE_POD: &str = "ReadWriteOncePod";

/// Refuses nodes where a disk of the pod is in use, and all while a claim for one pod is.
#[derive(Debug)]
pub struct VolumeRestrictions;

impl Plugin for VolumeRestrictions {
    fn name(&self) -> &'static str {
        "VolumeRestrictions"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self);
    }
}

impl FilterPlugin for VolumeRestrictions {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let Cycle { pod, snapshot } = cycle;
        let exclusive = match exclusive_claims(pod, snapshot) {
            Ok(exclusive) => exclusive,
            Err(why) => return Filter::Reject(Refusal::unresolvable(why)),
        };
        let has_disks = volumes(pod).any(is_restricted);
        if exclusive.is_empty() && !has_disks {
            return Filter::Skip;
        }
        let in_use = is_in_use(&exclusive, pod, snapshot);
        Filter::each(move |node| {
            if has_disks && disks_conflict(pod, node) {
                return Err(Refusal::resolvable(REASON_DISK));
            }
            match in_use {
                true => Err(Refusal::resolvable(REASON_ONE_POD)),
                false => Ok(()),
            }
        })
    }

    fn reads(&self, pod: &PodInfo) -> Reads<'_> {
        match claims(pod).next().is_some() || volumes(pod).any(is_restricted) {
            true => Reads::anything(),
            false => Reads::nothing(),
        }
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        match event {
            ClusterEvent::PodRemoved { pod: gone } => {
                let shares_claim = gone.key.namespace == pod.key.namespace
                    && claims(pod).any(|ours| claims(gone).any(|theirs| theirs.name == ours.name));
                shares_claim
                    || volumes(pod).any(|ours| volumes(gone).any(|theirs| conflict(ours, theirs)))
            }
            ClusterEvent::NodeAdded { .. } => true,
            ClusterEvent::Storage { kind: "PersistentVolumeClaim", key } => uses(pod, key),
            _ => false,
        }
    }
}

/// The names of the pod's claims that only one pod may use.
fn exclusive_claims(pod: &PodInfo, snapshot: &Snapshot) -> Result<BTreeSet<String>, String> {
    let mut exclusive = BTreeSet::new();
    for claim in claims(pod).filter(|claim| !claim.ephemeral) {
        let Some(object) = snapshot.storage().claim(&pod.key.namespace, &claim.name) else {
            return Err(format!("persistentvolumeclaim \"{}\" not found", claim.name));
        };
        let modes = object.spec.as_ref().and_then(|spec| spec.access_modes.as_ref());
        if modes.into_iter().flatten().any(|mode| mode == ONE_POD) {
            exclusive.insert(claim.name);
        }
    }
    Ok(exclusive)
}

fn is_in_use(exclusive: &BTreeSet<String>, pod: &PodInfo, snapshot: &Snapshot) -> bool {
    let uses = |other: &PodInfo| {
        other.key.namespace == pod.key.namespace
            && other.id != pod.id
            && claims(other).any(|claim| !claim.ephemeral && exclusive.contains(&claim.name))
    };
    !exclusive.is_empty()
        && snapshot.nodes().iter().any(|node| node.pods.iter().any(|other| uses(other)))
}

fn disks_conflict(pod: &PodInfo, node: &NodeInfo) -> bool {
    let ours = || volumes(pod).filter(|volume| is_restricted(volume));
    node.pods
        .iter()
        .any(|other| volumes(other).any(|theirs| ours().any(|ours| conflict(ours, theirs))))
}

/// Whether the volume is a disk that pods of one node cannot freely share.
fn is_restricted(volume: &Volume) -> bool {
    volume.gce_persistent_disk.is_some()
        || volume.aws_elastic_block_store.is_some()
        || volume.rbd.is_some()
        || volume.iscsi.is_some()
}

/// Whether two pods on one node cannot both have these volumes.
fn conflict(a: &Volume, b: &Volume) -> bool {
    let both = |a: Option<bool>, b: Option<bool>| a == Some(true) && b == Some(true);
    if let (Some(a), Some(b)) = (&a.gce_persistent_disk, &b.gce_persistent_disk)
        && a.pd_name == b.pd_name
        && !both(a.read_only, b.read_only)
    {
        return true;
    }
    if let (Some(a), Some(b)) = (&a.aws_elastic_block_store, &b.aws_elastic_block_store)
        && a.volume_id == b.volume_id
    {
        return true;
    }
    if let (Some(a), Some(b)) = (&a.iscsi, &b.iscsi)
        && a.iqn == b.iqn
        && !both(a.read_only, b.read_only)
    {
        return true;
    }
    let (Some(a), Some(b)) = (&a.rbd, &b.rbd) else { return false };
    // What is left out has these names.
    let pool = |pool: &Option<String>| pool.clone().unwrap_or_else(|| "rbd".to_owned());
    a.monitors.iter().any(|monitor| b.monitors.contains(monitor))
        && pool(&a.pool) == pool(&b.pool)
        && a.image == b.image
        && !both(a.read_only, b.read_only)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{node, passing, pod};
    use serde_json::{Value, json};

    #[test]
    fn a_disk_is_shared_only_for_reading_if_at_all() {
        let gce =
            |read_only: bool| json!({"gcePersistentDisk": {"pdName": "d", "readOnly": read_only}});
        let aws = json!({"awsElasticBlockStore": {"volumeID": "v", "readOnly": true}});
        let rbd = |monitor: &str| json!({"rbd": {"monitors": [monitor, "x"], "image": "i"}});
        for (a, b, shared) in [
            (gce(true), gce(true), true),
            (gce(true), gce(false), false),
            (aws.clone(), aws, false),
            (rbd("x"), rbd("y"), false),
            (rbd("x"), gce(true), true),
        ] {
            let with = |name: &str, mut volume: Value| {
                volume["name"] = json!("v");
                pod(name, json!({"volumes": [volume]}))
            };
            let mut nodes = [node("n", json!({}))];
            nodes[0].add(Arc::new(with("a", a.clone())));
            let passes = !passing(&VolumeRestrictions, &with("b", b.clone()), &nodes).is_empty();
            assert_eq!(passes, shared, "{a} {b}");
        }
    }
}
