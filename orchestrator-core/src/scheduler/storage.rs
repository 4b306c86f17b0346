//! The volumes of a cluster, as far as they decide where pods go.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::{
    CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment,
};

use crate::ObjectKey;

/// The objects about volumes, by name.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Storage {
    /// What pods ask for.
    pub claims: BTreeMap<ObjectKey, Arc<PersistentVolumeClaim>>,
    /// What there is.
    pub volumes: BTreeMap<String, Arc<PersistentVolume>>,
    /// How more can be made.
    pub classes: BTreeMap<String, Arc<StorageClass>>,
    /// What the drivers can do.
    pub drivers: BTreeMap<String, Arc<CSIDriver>>,
    /// Which drivers each node has, and how many volumes it takes.
    pub nodes: BTreeMap<String, Arc<CSINode>>,
    /// How much room is left for volumes to be made, and where.
    pub capacities: BTreeMap<ObjectKey, Arc<CSIStorageCapacity>>,
    /// Which volumes are attached to which nodes.
    pub attachments: BTreeMap<String, Arc<VolumeAttachment>>,
}

impl Storage {
    /// The claim `name` of a namespace.
    pub fn claim(&self, namespace: &str, name: &str) -> Option<&Arc<PersistentVolumeClaim>> {
        self.claims.get(&ObjectKey::new(namespace, name))
    }

    /// The class that a claim names; `None` where it names none, or one that is not there.
    pub fn class_of(&self, claim: &PersistentVolumeClaim) -> Option<&Arc<StorageClass>> {
        self.classes.get(class_name(claim)?)
    }

    /// The volume that a claim names; `None` where it names none, or one that is not there.
    pub fn volume_of(&self, claim: &PersistentVolumeClaim) -> Option<&Arc<PersistentVolume>> {
        self.volumes.get(volume_name(claim)?)
    }
}

/// The name of the class that a claim asks for, by annotation or field; `None` for none.
pub fn class_name(claim: &PersistentVolumeClaim) -> Option<&str> {
    const ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
    let annotated = claim.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION));
    let named = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_ref());
    annotated.or(named).map(String::as_str).filter(|name| !name.is_empty())
}

/// The name of the volume that a claim has, or wants; `None` for none.
pub fn volume_name(claim: &PersistentVolumeClaim) -> Option<&str> {
    let name = claim.spec.as_ref()?.volume_name.as_deref();
    name.filter(|name| !name.is_empty())
}
