//! Finding a volume for each claim that waits: the smallest that will do, none twice.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec};
use orchestrator_core::Quantity;
use orchestrator_core::scheduler::storage::class_name;
use orchestrator_core::scheduler::{NodeInfo, Storage};
use orchestrator_core::selector::LabelSelector;

use crate::matching::RequiredNodes;

/// Set on a claim once a node is chosen for the volume that is to be made for it.
pub(super) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// What serves the claims of a pod on one node.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    /// The names of volumes that are there, by claim.
    pub volumes: Vec<(&'a PersistentVolumeClaim, &'a str)>,
    /// The claims for which a volume must be made.
    pub missing: Vec<&'a PersistentVolumeClaim>,
}

/// Finds volumes for `claims` on `node`; `None` where a claim waits for another node.
pub(super) fn find<'a>(
    claims: &[&'a PersistentVolumeClaim],
    node: &NodeInfo,
    storage: &'a Storage,
) -> Option<Found<'a>> {
    let (mut found, mut to_find) = (Found::default(), Vec::new());
    for claim in claims {
        let annotations = claim.metadata.annotations.as_ref();
        match annotations.and_then(|annotations| annotations.get(SELECTED_NODE)) {
            Some(selected) if **selected != *node.name => return None,
            Some(_) => found.missing.push(*claim),
            None => to_find.push(*claim),
        }
    }
    to_find.sort_by_key(|claim| requested(claim));
    let mut taken = BTreeSet::new();
    for claim in to_find {
        match volume_for(claim, node, storage, &taken) {
            Some(volume) => {
                taken.insert(volume);
                found.volumes.push((claim, volume));
            }
            None => found.missing.push(claim),
        }
    }
    Some(found)
}

/// How much a claim asks for.
pub(super) fn requested(claim: &PersistentVolumeClaim) -> Quantity {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let storage = requests.and_then(|requests| requests.get("storage"));
    storage.and_then(|quantity| quantity.0.parse().ok()).unwrap_or_default()
}

/// The name of the smallest volume that suits the claim; one that is meant for it comes first.
fn volume_for<'a>(
    claim: &PersistentVolumeClaim,
    node: &NodeInfo,
    storage: &'a Storage,
    taken: &BTreeSet<&str>,
) -> Option<&'a str> {
    let wanted = requested(claim);
    let mut smallest: Option<(Quantity, &str)> = None;
    for (name, volume) in &storage.volumes {
        let Some(spec) = &volume.spec else { continue };
        let size = capacity(spec);
        let meant = is_meant_for(spec, claim);
        if taken.contains(name.as_str())
            || class_of(volume) != class_name(claim).unwrap_or_default()
            || (spec.claim_ref.is_some() && !meant)
            || size < wanted
            || modes_differ(spec, claim)
            || volume.metadata.deletion_timestamp.is_some()
            || attributes_class(spec) != attributes_class_of(claim)
        {
            continue;
        }
        let reachable = RequiredNodes::of_volume(spec.node_affinity.as_ref()).matches(node);
        if meant {
            return reachable.then_some(name);
        }
        let fits = reachable && is_available(volume) && is_selected(volume, claim);
        if fits
            && has_access_modes(spec, claim)
            && smallest.as_ref().is_none_or(|(other, _)| size < *other)
        {
            smallest = Some((size, name));
        }
    }
    smallest.map(|(_, name)| name)
}

fn capacity(spec: &PersistentVolumeSpec) -> Quantity {
    let storage = spec.capacity.as_ref().and_then(|capacity| capacity.get("storage"));
    storage.and_then(|quantity| quantity.0.parse().ok()).unwrap_or_default()
}

/// The class of a volume, by annotation or field; empty for none.
fn class_of(volume: &PersistentVolume) -> &str {
    const ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
    let annotated = volume.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION));
    let named = volume.spec.as_ref().and_then(|spec| spec.storage_class_name.as_ref());
    annotated.or(named).map(String::as_str).unwrap_or_default()
}

/// Whether the volume was set aside for this claim.
fn is_meant_for(spec: &PersistentVolumeSpec, claim: &PersistentVolumeClaim) -> bool {
    let meta = &claim.metadata;
    spec.claim_ref.as_ref().is_some_and(|reference| {
        reference.name == meta.name
            && reference.namespace == meta.namespace
            && reference
                .uid
                .as_deref()
                .is_none_or(|uid| uid.is_empty() || Some(uid) == meta.uid.as_deref())
    })
}

fn modes_differ(volume: &PersistentVolumeSpec, claim: &PersistentVolumeClaim) -> bool {
    let of = |mode: Option<&String>| mode.map_or("Filesystem", String::as_str).to_owned();
    let wanted = claim.spec.as_ref().and_then(|spec| spec.volume_mode.as_ref());
    of(volume.volume_mode.as_ref()) != of(wanted)
}

fn attributes_class(spec: &PersistentVolumeSpec) -> &str {
    spec.volume_attributes_class_name.as_deref().unwrap_or_default()
}

fn attributes_class_of(claim: &PersistentVolumeClaim) -> &str {
    let spec = claim.spec.as_ref();
    spec.and_then(|spec| spec.volume_attributes_class_name.as_deref()).unwrap_or_default()
}

fn is_available(volume: &PersistentVolume) -> bool {
    volume.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Available")
}

fn is_selected(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let Some(selector) = claim.spec.as_ref().and_then(|spec| spec.selector.as_ref()) else {
        return true;
    };
    let labels = volume.metadata.labels.clone().unwrap_or_default();
    LabelSelector::from_api(Some(selector)).is_ok_and(|selector| selector.matches(&labels))
}

fn has_access_modes(volume: &PersistentVolumeSpec, claim: &PersistentVolumeClaim) -> bool {
    let wanted = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_ref());
    let offered = volume.access_modes.as_deref().unwrap_or_default();
    wanted.into_iter().flatten().all(|mode| offered.contains(mode))
}
