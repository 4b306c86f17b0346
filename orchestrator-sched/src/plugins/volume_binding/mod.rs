//! VolumeBinding: a pod goes where its volumes are, or where they can be found or made.

mod bind;
mod capacity;
mod matching;
mod reduce;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use orchestrator_client::Client;
use orchestrator_core::scheduler::storage::class_name;
use orchestrator_core::scheduler::{ClusterEvent, NodeInfo, PodInfo, Storage};

use super::pod_claims::{claims, is_bound, uses};
use crate::framework::{
    Cycle, Filter, FilterPlugin, Plugin, Points, PreBindPlugin, Reads, Refusal,
};
use crate::matching::RequiredNodes;
use capacity::Refused;

const REASON_NODE: &str = "node(s) didn't match PersistentVolume's node affinity";
const REASON_NONE: &str = "node(s) didn't find available persistent volumes to bind";
const REASON_FULL: &str = "node(s) did not have enough free storage";
const REASON_LOST: &str =
    "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
const REASON_UNBOUND: &str = "pod has unbound immediate PersistentVolumeClaims";

/// How long volumes may take to be made and bound: upstream's default.
const BIND_TIMEOUT: Duration = Duration::from_secs(600);

/// Passes the nodes on which all claims of the pod have, or can get, a volume, and binds those.
#[derive(Debug)]
pub struct VolumeBinding {
    timeout: Duration,
}

impl Default for VolumeBinding {
    fn default() -> Self {
        Self::with_timeout(BIND_TIMEOUT)
    }
}

impl VolumeBinding {
    /// Waits this long for volumes to be made and bound.
    pub fn with_timeout(timeout: Duration) -> Self {
        Self { timeout }
    }
}

/// The claims of a pod, by what is left to do for them.
#[derive(Debug, Default)]
struct PodClaims<'a> {
    /// They have their volume.
    bound: Vec<&'a PersistentVolumeClaim>,
    /// They wait for the pod to have a node.
    waiting: Vec<&'a PersistentVolumeClaim>,
    /// Whether there are others, which somebody else must bind first.
    immediate: bool,
}

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self.clone()).pre_bind(self);
    }
}

#[async_trait]
impl PreBindPlugin for VolumeBinding {
    async fn pre_bind(&self, client: &Client, pod: &PodInfo, node: &str) -> Result<(), Refusal> {
        match claims(pod).next() {
            Some(_) => bind::bind(client, pod, node, self.timeout).await,
            None => Ok(()),
        }
    }
}

impl FilterPlugin for VolumeBinding {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let storage = cycle.snapshot.storage();
        let sorted = match PodClaims::sort(cycle.pod, storage) {
            Ok(sorted) => sorted,
            Err(why) => return Filter::Reject(Refusal::unresolvable(why)),
        };
        if sorted.immediate {
            return Filter::Reject(Refusal::unresolvable(REASON_UNBOUND));
        }
        if sorted.bound.is_empty() && sorted.waiting.is_empty() {
            return Filter::Skip;
        }
        let names = reduce::eligible(&sorted.bound, storage);
        let filter = Box::new(move |node: &NodeInfo| sorted.judge(node, storage));
        match names {
            Some(names) => Filter::Among(names, filter),
            None => Filter::Each(filter),
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
            ClusterEvent::NodeAdded { .. } => true,
            ClusterEvent::NodeChanged { old, new } => old.labels() != new.labels(),
            ClusterEvent::Storage { kind: "PersistentVolumeClaim", key } => uses(pod, key),
            ClusterEvent::Storage { kind, .. } => matches!(
                *kind,
                "PersistentVolume"
                    | "StorageClass"
                    | "CSINode"
                    | "CSIDriver"
                    | "CSIStorageCapacity"
            ),
            _ => false,
        }
    }
}

impl<'a> PodClaims<'a> {
    fn sort(pod: &'a PodInfo, storage: &'a Storage) -> Result<Self, String> {
        let mut sorted = Self::default();
        for claim in claims(pod) {
            let claim = claim.find(storage)?;
            if is_bound(claim) {
                sorted.bound.push(claim);
            } else if waits_for_node(claim, storage)? {
                sorted.waiting.push(claim);
            } else {
                sorted.immediate = true;
            }
        }
        Ok(sorted)
    }

    fn judge(&self, node: &NodeInfo, storage: &Storage) -> Result<(), Refusal> {
        let mut reasons = Vec::new();
        for claim in &self.bound {
            let Some(volume) = storage.volume_of(claim) else {
                return Err(Refusal::unresolvable(REASON_LOST));
            };
            let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
            if !RequiredNodes::of_volume(affinity).matches(node) {
                reasons.push(REASON_NODE.to_owned());
                break;
            }
        }
        let made = matching::find(&self.waiting, node, storage)
            .ok_or(Refused::NoVolume)
            .and_then(|found| capacity::provision(&found.missing, node, storage));
        match made {
            Ok(()) => {}
            Err(Refused::NoVolume) => reasons.push(REASON_NONE.to_owned()),
            Err(Refused::NoRoom) => reasons.push(REASON_FULL.to_owned()),
        }
        match reasons.is_empty() {
            true => Ok(()),
            false => Err(Refusal { reasons, resolvable: false }),
        }
    }
}

/// Whether a claim is bound only once a pod that uses it has a node.
fn waits_for_node(claim: &PersistentVolumeClaim, storage: &Storage) -> Result<bool, String> {
    let named = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref());
    if named.is_some_and(|name| !name.is_empty()) {
        return Ok(false);
    }
    let Some(name) = class_name(claim) else { return Ok(false) };
    match storage.class_of(claim) {
        Some(class) => Ok(class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")),
        None => Err(format!("storageclass.storage.k8s.io \"{name}\" not found")),
    }
}

#[cfg(test)]
mod tests;
