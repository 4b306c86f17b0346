//! The claims behind a pod's volumes: what the plugins about storage begin with.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PodSpec, Volume};
use orchestrator_core::ObjectKey;
use orchestrator_core::scheduler::{PodInfo, Storage};

/// Set on a claim once its binding is complete.
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";

/// A volume of a pod that is a claim to storage.
#[derive(Clone, Debug)]
pub(super) struct ClaimRef<'a> {
    /// The claim's name; an ephemeral volume's claim is named after pod and volume.
    pub name: String,
    /// Whether the claim is made for the pod, and goes with it.
    pub ephemeral: bool,
    pod: &'a PodInfo,
}

impl<'a> ClaimRef<'a> {
    /// The claim.
    ///
    /// # Errors
    /// It is not there, on its way out, lost, or another pod's: in upstream's words.
    pub fn find(&self, storage: &'a Storage) -> Result<&'a Arc<PersistentVolumeClaim>, String> {
        let name = &self.name;
        let Some(claim) = storage.claim(&self.pod.key.namespace, name) else {
            return Err(match self.ephemeral {
                true => format!(
                    "waiting for ephemeral volume controller to create the \
                     persistentvolumeclaim \"{name}\""
                ),
                false => format!("persistentvolumeclaim \"{name}\" not found"),
            });
        };
        let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
        if phase == Some("Lost") {
            let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref());
            return Err(format!(
                "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{}\"",
                volume.unwrap_or_default()
            ));
        }
        if claim.metadata.deletion_timestamp.is_some() {
            return Err(format!("persistentvolumeclaim \"{name}\" is being deleted"));
        }
        if self.ephemeral && !self.owns(claim) {
            let key = &self.pod.key;
            return Err(format!(
                "PVC {}/{name} was not created for pod {key} (pod is not owner)",
                key.namespace
            ));
        }
        Ok(claim)
    }

    fn owns(&self, claim: &PersistentVolumeClaim) -> bool {
        let owners = claim.metadata.owner_references.iter().flatten();
        let uid = self.pod.pod.metadata.uid.as_deref().unwrap_or_default();
        owners.into_iter().any(|owner| owner.controller == Some(true) && owner.uid == uid)
    }
}

/// The volumes of `pod` that are claims, in order.
pub(super) fn claims<'a>(pod: &'a PodInfo) -> impl Iterator<Item = ClaimRef<'a>> {
    volumes(pod).filter_map(move |volume| {
        if let Some(source) = &volume.persistent_volume_claim {
            return Some(ClaimRef { name: source.claim_name.clone(), ephemeral: false, pod });
        }
        volume.ephemeral.as_ref()?;
        let name = format!("{}-{}", pod.key.name, volume.name);
        Some(ClaimRef { name, ephemeral: true, pod })
    })
}

/// Whether one of the pod's volumes is the claim `key`.
pub(super) fn uses(pod: &PodInfo, key: &ObjectKey) -> bool {
    pod.key.namespace == key.namespace && claims(pod).any(|claim| claim.name == *key.name)
}

/// The volumes of `pod`.
pub(super) fn volumes(pod: &PodInfo) -> impl Iterator<Item = &Volume> {
    pod.spec().and_then(|spec: &PodSpec| spec.volumes.as_ref()).into_iter().flatten()
}

/// Whether a claim has its volume for good.
pub(super) fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    let annotations = claim.metadata.annotations.as_ref();
    orchestrator_core::scheduler::storage::volume_name(claim).is_some()
        && annotations.is_some_and(|annotations| annotations.contains_key(BIND_COMPLETED))
}
