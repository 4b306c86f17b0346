//! The two sides of a binding as they shall be.
//!
//! Each function gives the object to write, or nothing where it says so already: binding what is
//! bound writes nothing, and each side can be finished alone.

use k8s_openapi::api::core::v1::{
    ObjectReference, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus,
    PersistentVolumeStatus,
};
use orchestrator_client::{KindExt, reference};

use super::words::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, YES, claim_phase, claim_ref, names_claim, volume_name,
    volume_phase,
};

/// The volume with its claim.
pub(super) fn volume_side(
    volume: &PersistentVolume,
    claim: &PersistentVolumeClaim,
) -> Option<PersistentVolume> {
    let stands = names_claim(volume, claim);
    let uid = claim_ref(volume).and_then(|reference| reference.uid.as_deref());
    if stands && uid == Some(claim.uid()) {
        return None;
    }
    let mut volume = volume.clone();
    volume.spec.get_or_insert_default().claim_ref =
        Some(ObjectReference { field_path: None, ..reference(claim) });
    if !stands {
        annotate(&mut volume.metadata.annotations, BOUND_BY_CONTROLLER);
    }
    Some(volume)
}

/// The claim with its volume.
pub(super) fn claim_side(
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
) -> Option<PersistentVolumeClaim> {
    let stands = volume_name(claim) == volume.name();
    if stands && claim.annotation(BIND_COMPLETED).is_some() {
        return None;
    }
    let mut claim = claim.clone();
    if !stands {
        claim.spec.get_or_insert_default().volume_name = Some(volume.name().into());
        annotate(&mut claim.metadata.annotations, BOUND_BY_CONTROLLER);
    }
    annotate(&mut claim.metadata.annotations, BIND_COMPLETED);
    Some(claim)
}

fn annotate(annotations: &mut Option<std::collections::BTreeMap<String, String>>, name: &str) {
    annotations.get_or_insert_default().insert(name.into(), YES.into());
}

/// The volume in a phase.
pub(super) fn volume_in(
    volume: &PersistentVolume,
    phase: &str,
    message: &str,
) -> Option<PersistentVolume> {
    (volume_phase(volume) != phase).then(|| {
        let status = PersistentVolumeStatus {
            phase: Some(phase.into()),
            message: Some(message.to_owned()).filter(|message| !message.is_empty()),
            ..volume.status.clone().unwrap_or_default()
        };
        PersistentVolume { status: Some(status), ..volume.clone() }
    })
}

/// The claim in a phase without a volume.
pub(super) fn claim_in(
    claim: &PersistentVolumeClaim,
    phase: &str,
) -> Option<PersistentVolumeClaim> {
    (claim_phase(claim) != phase).then(|| {
        let status = PersistentVolumeClaimStatus {
            phase: Some(phase.into()),
            access_modes: None,
            capacity: None,
            ..claim.status.clone().unwrap_or_default()
        };
        PersistentVolumeClaim { status: Some(status), ..claim.clone() }
    })
}

/// The claim as bound; its size is told when it becomes so, and whoever lets it grow tells later
/// sizes.
pub(super) fn claim_bound(
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
) -> Option<PersistentVolumeClaim> {
    let before = claim.status.clone().unwrap_or_default();
    let spec = volume.spec.as_ref();
    let becomes = claim_phase(claim) != "Bound";
    let mut status = PersistentVolumeClaimStatus {
        phase: Some("Bound".into()),
        access_modes: spec.and_then(|spec| spec.access_modes.clone()),
        ..before.clone()
    };
    if becomes || status.capacity.is_none() {
        let size = spec.and_then(|spec| spec.capacity.clone()).unwrap_or_default();
        let storage = size.into_iter().filter(|(name, _)| name == "storage").collect();
        status.capacity = Some(storage);
        let class = spec.and_then(|spec| spec.volume_attributes_class_name.clone());
        status.current_volume_attributes_class_name = class.filter(|name| !name.is_empty());
    }
    (status != before).then(|| PersistentVolumeClaim { status: Some(status), ..claim.clone() })
}

#[cfg(test)]
mod tests {
    use super::super::matching::tests::{claim, volume};
    use super::*;
    use serde_json::json;

    #[test]
    fn binding_twice_writes_once() {
        let (free, open) = (volume("v", 2, json!({})), claim(1, json!({})));
        let volume = volume_side(&free, &open).unwrap();
        assert_eq!(volume.annotation(BOUND_BY_CONTROLLER), Some(YES));
        assert!(volume_side(&volume, &open).is_none());
        let claim = claim_side(&open, &volume).unwrap();
        assert_eq!(claim.annotation(BOUND_BY_CONTROLLER), Some(YES));
        assert_eq!(claim.annotation(BIND_COMPLETED), Some(YES));
        assert!(claim_side(&claim, &volume).is_none());
        let claim = claim_bound(&claim, &volume).unwrap();
        assert_eq!(
            serde_json::to_value(&claim.status).unwrap(),
            json!({
            "phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "2Gi"}})
        );
        assert!(claim_bound(&claim, &volume).is_none());
        let volume = volume_in(&volume, "Bound", "").unwrap();
        assert!(volume_in(&volume, "Bound", "").is_none());
    }

    #[test]
    fn what_somebody_else_chose_is_not_said_to_be_ours() {
        let kept = volume("v", 1, json!({"spec": {"claimRef": {"namespace": "n", "name": "c"}}}));
        let asks = claim(1, json!({"spec": {"volumeName": "v"}}));
        let volume = volume_side(&kept, &asks).unwrap();
        assert_eq!(volume.annotation(BOUND_BY_CONTROLLER), None);
        assert_eq!(claim_ref(&volume).unwrap().uid.as_deref(), Some("uid-c"));
        let claim = claim_side(&asks, &volume).unwrap();
        assert_eq!(claim.annotation(BOUND_BY_CONTROLLER), None);
        assert_eq!(claim.annotation(BIND_COMPLETED), Some(YES));
    }
}
