//! Which volume fits a claim best.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use orchestrator_client::KindExt;

use super::words::{
    access_modes, capacity, claim_class, claim_ref, has_access_modes, names_claim, requested,
    same_mode, volume_class, volume_phase,
};
use crate::workload::selector::{is_empty, selects};

/// The volume that a claim gets: one that names it already, or else the free one that allows the
/// least beside what was asked for, and of those the smallest. A claim that `waits` for its first
/// pod gets only a volume that names it: the scheduler chooses.
pub(super) fn best(
    claim: &PersistentVolumeClaim,
    volumes: &[Arc<PersistentVolume>],
    waits: bool,
) -> Option<Arc<PersistentVolume>> {
    let usable = || {
        volumes.iter().filter(|volume| {
            !volume.is_terminating()
                && has_access_modes(volume, claim)
                && capacity(volume) >= requested(claim)
        })
    };
    if let Some(named) = usable().find(|volume| names_claim(volume, claim)) {
        return Some(Arc::clone(named));
    }
    if waits {
        return None;
    }
    let free = usable().filter(|volume| is_free(volume) && fits(volume, claim));
    let rank = |volume: &&Arc<PersistentVolume>| {
        (access_modes(volume).len(), capacity(volume), volume.name().to_owned())
    };
    free.min_by_key(rank).map(Arc::clone)
}

fn is_free(volume: &PersistentVolume) -> bool {
    claim_ref(volume).is_none() && volume_phase(volume) == "Available"
}

fn fits(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let selector = claim.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let selected = selector.is_none_or(|selector| {
        is_empty(selector) || selects(selector, volume.metadata.labels.as_ref())
    });
    selected && same_mode(volume, claim) && volume_class(volume) == claim_class(claim)
}

/// Why the volume that a claim asks for by name is not one that it could have.
pub(super) fn mismatch(
    volume: &PersistentVolume,
    claim: &PersistentVolumeClaim,
) -> Option<&'static str> {
    if requested(claim) > capacity(volume) {
        return Some("requested PV is too small");
    }
    if volume_class(volume) != claim_class(claim) {
        return Some("storageClassName does not match");
    }
    if !same_mode(volume, claim) {
        return Some("incompatible volumeMode");
    }
    (!has_access_modes(volume, claim)).then_some("incompatible accessMode")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// A free volume of a size in GiB.
    pub(in super::super) fn volume(name: &str, size: u32, more: Value) -> Arc<PersistentVolume> {
        let mut volume = json!({
            "metadata": {"name": name, "uid": format!("uid-{name}")},
            "spec": {"capacity": {"storage": format!("{size}Gi")}, "storageClassName": "s",
                "accessModes": ["ReadWriteOnce"]},
            "status": {"phase": "Available"},
        });
        merge(&mut volume, more);
        Arc::new(serde_json::from_value(volume).unwrap())
    }

    /// A claim for so many GiB.
    pub(in super::super) fn claim(size: u32, more: Value) -> PersistentVolumeClaim {
        let mut claim = json!({
            "metadata": {"namespace": "n", "name": "c", "uid": "uid-c"},
            "spec": {"resources": {"requests": {"storage": format!("{size}Gi")}},
                "storageClassName": "s", "accessModes": ["ReadWriteOnce"]},
        });
        merge(&mut claim, more);
        serde_json::from_value(claim).unwrap()
    }

    fn merge(into: &mut Value, from: Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                for (key, value) in from {
                    let slot = into.entry(key).or_insert(Value::Null);
                    merge(slot, value);
                }
            }
            (into, from) => *into = from,
        }
    }

    fn best_of(claim: &PersistentVolumeClaim, volumes: &[Arc<PersistentVolume>]) -> String {
        best(claim, volumes, false).map(|v| v.name().to_owned()).unwrap_or_default()
    }

    #[test]
    fn the_smallest_free_volume_that_fits_is_taken() {
        let volumes = [
            volume("bound", 1, json!({"status": {"phase": "Bound"}})),
            volume("going", 1, json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})),
            volume("other", 1, json!({"spec": {"storageClassName": "t"}})),
            volume("block", 1, json!({"spec": {"volumeMode": "Block"}})),
            volume("five", 5, json!({"metadata": {"labels": {"disk": "fast"}}})),
            volume("two", 2, json!({})),
            volume("many", 1, json!({"spec": {"accessModes": ["ReadWriteOnce", "ReadOnlyMany"]}})),
        ];
        let cases = [
            (claim(1, json!({})), "two"),
            (claim(3, json!({})), "five"),
            (claim(6, json!({})), ""),
            (claim(1, json!({"spec": {"storageClassName": "t"}})), "other"),
            (claim(1, json!({"spec": {"volumeMode": "Block"}})), "block"),
            (claim(1, json!({"spec": {"accessModes": ["ReadOnlyMany"]}})), "many"),
            (claim(1, json!({"spec": {"selector": {"matchLabels": {"disk": "fast"}}}})), "five"),
            (claim(1, json!({"spec": {"selector": {"matchLabels": {"disk": "slow"}}}})), ""),
        ];
        for (claim, want) in cases {
            assert_eq!(best_of(&claim, &volumes), want);
        }
    }

    #[test]
    fn a_volume_that_names_the_claim_comes_first_and_is_all_that_a_waiting_claim_gets() {
        let names =
            |uid: &str| json!({"spec": {"claimRef": {"namespace": "n", "name": "c", "uid": uid}}});
        let free = volume("free", 1, json!({}));
        let claim = claim(1, json!({}));
        let named = volume("named", 9, names(""));
        assert_eq!(best_of(&claim, &[Arc::clone(&free), Arc::clone(&named)]), "named");
        let another = volume("another", 9, names("x"));
        assert_eq!(best_of(&claim, &[Arc::clone(&free), another]), "free");
        assert!(best(&claim, &[Arc::clone(&free)], true).is_none());
        assert!(best(&claim, &[free, named], true).is_some());
    }

    proptest! {
        #[test]
        fn no_volume_that_is_taken_is_a_better_one_left(
            sizes in prop::collection::vec(1u32..9, 0..6), asked in 1u32..9,
        ) {
            let all = sizes.iter().enumerate();
            let volumes: Vec<_> =
                all.map(|(index, size)| volume(&format!("v{index}"), *size, json!({}))).collect();
            let taken = best(&claim(asked, json!({})), &volumes, false);
            let least = sizes.iter().filter(|size| **size >= asked).min();
            let size = taken.map(|volume| capacity(&volume));
            prop_assert_eq!(size, least.map(|size| format!("{size}Gi").parse().unwrap()));
        }
    }
}
