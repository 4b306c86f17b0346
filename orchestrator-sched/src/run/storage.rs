//! The objects about volumes that the scheduler watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::{
    CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment,
};
use orchestrator_client::{Informer, Informers, Kind};
use orchestrator_core::ObjectKey;
use orchestrator_core::env::Activity;
use orchestrator_core::scheduler::Storage;

use super::inbox::{Inbox, Subject};

/// What an object about volumes is to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum About {
    Claim,
    Volume,
    Class,
    Driver,
    Node,
    Capacity,
    Attachment,
}

impl About {
    /// The kind of the object.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Claim => "PersistentVolumeClaim",
            Self::Volume => "PersistentVolume",
            Self::Class => "StorageClass",
            Self::Driver => "CSIDriver",
            Self::Node => "CSINode",
            Self::Capacity => "CSIStorageCapacity",
            Self::Attachment => "VolumeAttachment",
        }
    }
}

/// The caches of the objects about volumes.
pub(super) struct StorageSources {
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
    classes: Informer<StorageClass>,
    drivers: Informer<CSIDriver>,
    nodes: Informer<CSINode>,
    capacities: Informer<CSIStorageCapacity>,
    attachments: Informer<VolumeAttachment>,
}

impl StorageSources {
    /// Watches, and notes every change in `inbox`.
    pub fn new(informers: &Informers, inbox: &Arc<Inbox>, activity: &Activity) -> Self {
        let sources = Self {
            claims: informers.of(),
            volumes: informers.of(),
            classes: informers.of(),
            drivers: informers.of(),
            nodes: informers.of(),
            capacities: informers.of(),
            attachments: informers.of(),
        };
        inbox.follow(&sources.claims, Subject::Storage(About::Claim), activity);
        inbox.follow(&sources.volumes, Subject::Storage(About::Volume), activity);
        inbox.follow(&sources.classes, Subject::Storage(About::Class), activity);
        inbox.follow(&sources.drivers, Subject::Storage(About::Driver), activity);
        inbox.follow(&sources.nodes, Subject::Storage(About::Node), activity);
        inbox.follow(&sources.capacities, Subject::Storage(About::Capacity), activity);
        inbox.follow(&sources.attachments, Subject::Storage(About::Attachment), activity);
        sources
    }

    /// Waits until all caches hold a consistent state.
    pub async fn synced(&self) {
        self.claims.synced().await;
        self.volumes.synced().await;
        self.classes.synced().await;
        self.drivers.synced().await;
        self.nodes.synced().await;
        self.capacities.synced().await;
        self.attachments.synced().await;
    }

    /// Brings the newest state of an object into `storage`.
    pub fn apply(&self, storage: &mut Storage, about: About, key: &ObjectKey) {
        match about {
            About::Claim => set(&mut storage.claims, key.clone(), self.claims.get(key)),
            About::Volume => named(&mut storage.volumes, key, &self.volumes),
            About::Class => named(&mut storage.classes, key, &self.classes),
            About::Driver => named(&mut storage.drivers, key, &self.drivers),
            About::Node => named(&mut storage.nodes, key, &self.nodes),
            About::Capacity => set(&mut storage.capacities, key.clone(), self.capacities.get(key)),
            About::Attachment => named(&mut storage.attachments, key, &self.attachments),
        }
    }
}

fn named<K: Kind>(map: &mut BTreeMap<String, Arc<K>>, key: &ObjectKey, cache: &Informer<K>) {
    set(map, key.name.to_string(), cache.get(key));
}

fn set<N: Ord, K>(map: &mut BTreeMap<N, Arc<K>>, name: N, object: Option<Arc<K>>) {
    match object {
        Some(object) => map.insert(name, object),
        None => map.remove(&name),
    };
}
