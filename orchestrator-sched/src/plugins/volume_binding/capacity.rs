//! Whether volumes can be made for a node: by class, topology and the room that is left.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, TopologySelectorTerm};
use k8s_openapi::api::storage::v1::{CSIStorageCapacity, StorageClass};
use orchestrator_core::Quantity;
use orchestrator_core::scheduler::{NodeInfo, Storage};
use orchestrator_core::selector::LabelSelector;

use super::matching::requested;

/// The provisioner of classes whose volumes are made by hand.
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// Why no volume can be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nobody makes one for this node.
    NoVolume,
    /// There is not enough room.
    NoRoom,
}

/// Whether a volume can be made on `node` for each of `claims`.
pub(super) fn provision(
    claims: &[&PersistentVolumeClaim],
    node: &NodeInfo,
    storage: &Storage,
) -> Result<(), Refused> {
    for claim in claims {
        let class = storage.class_of(claim).ok_or(Refused::NoVolume)?;
        if class.provisioner.is_empty() || class.provisioner == NO_PROVISIONER {
            return Err(Refused::NoVolume);
        }
        if !is_allowed(class.allowed_topologies.as_deref(), node) {
            return Err(Refused::NoVolume);
        }
        if !has_room(class, requested(claim), node, storage) {
            return Err(Refused::NoRoom);
        }
    }
    Ok(())
}

/// Whether one of the terms matches the node, each of whose requirements must hold.
fn is_allowed(terms: Option<&[TopologySelectorTerm]>, node: &NodeInfo) -> bool {
    let terms = terms.unwrap_or_default();
    let labels = node.labels();
    terms.is_empty()
        || terms.iter().any(|term| {
            let requirements = term.match_label_expressions.as_deref().unwrap_or_default();
            !requirements.is_empty()
                && requirements.iter().all(|requirement| {
                    labels.get(&requirement.key).is_some_and(|v| requirement.values.contains(v))
                })
        })
}

/// Whether the class has room for `size` where the node is; always, unless its driver counts it.
fn has_room(class: &StorageClass, size: Quantity, node: &NodeInfo, storage: &Storage) -> bool {
    let driver = storage.drivers.get(&class.provisioner);
    if driver.and_then(|driver| driver.spec.storage_capacity) != Some(true) {
        return true;
    }
    let name = class.metadata.name.as_deref().unwrap_or_default();
    storage.capacities.values().any(|capacity| {
        capacity.storage_class_name == name && suffices(capacity, size) && reaches(capacity, node)
    })
}

fn suffices(capacity: &CSIStorageCapacity, size: Quantity) -> bool {
    let limit = capacity.maximum_volume_size.as_ref().or(capacity.capacity.as_ref());
    let limit = limit.and_then(|limit| limit.0.parse::<Quantity>().ok());
    limit.is_some_and(|limit| limit.value() >= size.value())
}

fn reaches(capacity: &CSIStorageCapacity, node: &NodeInfo) -> bool {
    capacity.node_topology.as_ref().is_some_and(|topology| {
        LabelSelector::from_api(Some(topology)).is_ok_and(|s| s.matches(node.labels()))
    })
}
