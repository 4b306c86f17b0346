//! What is to be done about a volume.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use orchestrator_client::KindExt;

use super::words::{
    BOUND_BY_CONTROLLER, PROVISIONED_BY, claim_ref, reclaim_policy, volume_name, volume_phase,
};

/// What is to be done about a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VolumeStep {
    /// Say that it is in this phase.
    Phase(&'static str),
    /// Its claim names no volume yet: the claim's turn.
    Claim,
    /// Say that its claim is gone, then do as its policy says.
    Release(Reclaim),
    /// Take it away from a claim that has another volume.
    Unbind,
}

/// What becomes of a volume whose claim is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reclaim {
    /// It stays as it is, for somebody to look at.
    Retain,
    /// It goes, and what it holds.
    Delete,
    /// It would be emptied and used again, which nobody does any more.
    Recycle,
}

/// What is to be done about `volume`, where `claim` is what has the name of its claim.
pub(super) fn plan(
    volume: &PersistentVolume,
    claim: Option<&Arc<PersistentVolumeClaim>>,
) -> VolumeStep {
    let Some(reference) = claim_ref(volume) else { return VolumeStep::Phase("Available") };
    let uid = reference.uid.as_deref().unwrap_or_default();
    if uid.is_empty() {
        // Somebody keeps it for a claim that does not have it yet.
        return match claim.filter(|claim| volume_name(claim).is_empty()) {
            Some(_) if volume_phase(volume) == "Available" => VolumeStep::Claim,
            _ => VolumeStep::Phase("Available"),
        };
    }
    let Some(claim) = claim.filter(|claim| claim.uid() == uid) else {
        return VolumeStep::Release(reclaim(volume));
    };
    match volume_name(claim) {
        "" => VolumeStep::Claim,
        name if name == volume.name() => VolumeStep::Phase("Bound"),
        _ if volume.annotation(PROVISIONED_BY).is_some() && reclaim_policy(volume) == "Delete" => {
            // It was made for this claim, which has found another one meanwhile.
            VolumeStep::Release(Reclaim::Delete)
        }
        _ => VolumeStep::Unbind,
    }
}

fn reclaim(volume: &PersistentVolume) -> Reclaim {
    match reclaim_policy(volume) {
        "Delete" => Reclaim::Delete,
        "Recycle" => Reclaim::Recycle,
        _ => Reclaim::Retain,
    }
}

/// The volume as nobody's: as it was before the binder took it, or still kept for the claim
/// where somebody else said so.
pub(super) fn unbound(volume: &PersistentVolume) -> PersistentVolume {
    let mut volume = volume.clone();
    let ours = volume.annotation(BOUND_BY_CONTROLLER).is_some();
    let spec = volume.spec.get_or_insert_default();
    match ours {
        true => {
            spec.claim_ref = None;
            volume.metadata.annotations.get_or_insert_default().remove(BOUND_BY_CONTROLLER);
        }
        false => {
            if let Some(reference) = &mut spec.claim_ref {
                reference.uid = None;
            }
        }
    }
    volume
}

#[cfg(test)]
mod tests {
    use super::super::matching::tests::{claim, volume};
    use super::*;
    use serde_json::{Value, json};

    fn of(uid: &str, more: Value) -> Arc<PersistentVolume> {
        let mut volume = serde_json::to_value(&*volume("v", 1, more)).unwrap();
        volume["spec"]["claimRef"] = json!({"namespace": "n", "name": "c", "uid": uid});
        Arc::new(serde_json::from_value(volume).unwrap())
    }

    #[test]
    fn a_volume_follows_its_claim() {
        let named = |name: &str| Some(Arc::new(claim(1, json!({"spec": {"volumeName": name}}))));
        let keep = json!({});
        let delete = json!({"spec": {"persistentVolumeReclaimPolicy": "Delete"}});
        let made = json!({"spec": {"persistentVolumeReclaimPolicy": "Delete"},
            "metadata": {"annotations": {PROVISIONED_BY: "p"}}});
        let cases = [
            (volume("v", 1, keep.clone()), None, VolumeStep::Phase("Available")),
            (of("", keep.clone()), None, VolumeStep::Phase("Available")),
            (of("", keep.clone()), named(""), VolumeStep::Claim),
            (of("uid-c", keep.clone()), None, VolumeStep::Release(Reclaim::Retain)),
            (of("x", keep.clone()), named("v"), VolumeStep::Release(Reclaim::Retain)),
            (of("uid-c", delete.clone()), None, VolumeStep::Release(Reclaim::Delete)),
            (of("uid-c", keep.clone()), named(""), VolumeStep::Claim),
            (of("uid-c", keep.clone()), named("v"), VolumeStep::Phase("Bound")),
            (of("uid-c", keep), named("w"), VolumeStep::Unbind),
            (of("uid-c", delete), named("w"), VolumeStep::Unbind),
            (of("uid-c", made), named("w"), VolumeStep::Release(Reclaim::Delete)),
        ];
        for (index, (volume, claim, want)) in cases.into_iter().enumerate() {
            assert_eq!(plan(&volume, claim.as_ref()), want, "case {index}");
        }
    }

    #[test]
    fn what_somebody_else_kept_stays_kept() {
        let theirs = unbound(&of("u", json!({})));
        let reference = claim_ref(&theirs).unwrap();
        assert_eq!((reference.name.as_deref(), &reference.uid), (Some("c"), &None));
        let ours = json!({"metadata": {"annotations": {BOUND_BY_CONTROLLER: "yes"}}});
        let ours = unbound(&of("u", ours));
        assert!(claim_ref(&ours).is_none() && ours.annotation(BOUND_BY_CONTROLLER).is_none());
    }
}
