//! Tells the gangs what the API says of pods and their groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::{Informer, Informers};
use orchestrator_core::ObjectKey;
use orchestrator_core::env::Activity;

use super::inbox::{Inbox, Subject};
use crate::plugins::gang_scheduling::{Gangs, PodGroup};

/// The gangs of all schedulers, and the groups where there is a gang.
pub(super) struct GangSource {
    gangs: BTreeMap<String, Gangs>,
    groups: Option<Informer<PodGroup>>,
}

impl GangSource {
    /// Watches groups if there is anybody who wants to know of them.
    ///
    /// Nobody waits for the cache: where the kind is not served there will never be one, and pods
    /// of a group that is not known yet are held back anyway.
    pub fn new(
        gangs: BTreeMap<String, Gangs>,
        informers: &Informers,
        inbox: &Arc<Inbox>,
        activity: &Activity,
    ) -> Self {
        let groups = (!gangs.is_empty()).then(|| informers.of::<PodGroup>());
        if let Some(groups) = &groups {
            inbox.follow(groups, Subject::PodGroup, activity);
        }
        Self { gangs, groups }
    }

    /// Takes note of a pod; returns the others that are to be looked at again.
    pub fn pod(&self, key: &ObjectKey, pod: Option<&Pod>) -> Vec<ObjectKey> {
        self.gangs.values().flat_map(|gangs| gangs.set_pod(key, pod)).collect()
    }

    /// Takes note of a group; returns the pods that are to be looked at again.
    pub fn group(&self, key: &ObjectKey) -> Vec<ObjectKey> {
        let group = self.groups.as_ref().and_then(|groups| groups.get(key));
        let policy = group.map(|group| group.min_count());
        self.gangs.values().flat_map(|gangs| gangs.set_group(key, policy)).collect()
    }
}
