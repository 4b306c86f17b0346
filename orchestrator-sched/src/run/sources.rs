//! What the scheduler watches, and how an object becomes part of the engine's state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, ReplicationController, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use orchestrator_client::{Informer, Informers};
use orchestrator_core::ObjectKey;
use orchestrator_core::env::Activity;
use orchestrator_core::scheduler::{PodGroup, Storage};
use orchestrator_core::selector::LabelSelector;

use super::gangs::GangSource;
use super::inbox::{Inbox, Subject};
use super::storage::StorageSources;
use crate::engine::Engine;
use crate::plugins::gang_scheduling::Gangs;

/// The caches of all that the scheduler watches.
pub(super) struct Sources {
    nodes: Informer<Node>,
    namespaces: Informer<Namespace>,
    pods: Informer<Pod>,
    services: Informer<Service>,
    controllers: Informer<ReplicationController>,
    replica_sets: Informer<ReplicaSet>,
    stateful_sets: Informer<StatefulSet>,
    budgets: Informer<PodDisruptionBudget>,
    storage: StorageSources,
    gangs: GangSource,
}

impl Sources {
    /// Watches, and notes every change in `inbox`.
    pub fn new(
        informers: &Informers,
        gangs: BTreeMap<String, Gangs>,
        inbox: &Arc<Inbox>,
        activity: &Activity,
    ) -> Self {
        let sources = Self {
            nodes: informers.of(),
            namespaces: informers.of(),
            pods: informers.of(),
            services: informers.of(),
            controllers: informers.of(),
            replica_sets: informers.of(),
            stateful_sets: informers.of(),
            budgets: informers.of(),
            storage: StorageSources::new(informers, inbox, activity),
            gangs: GangSource::new(gangs, informers, inbox, activity),
        };
        inbox.follow(&sources.nodes, Subject::Node, activity);
        inbox.follow(&sources.namespaces, Subject::Namespace, activity);
        inbox.follow(&sources.services, Subject::Service, activity);
        inbox.follow(&sources.controllers, Subject::ReplicationController, activity);
        inbox.follow(&sources.replica_sets, Subject::ReplicaSet, activity);
        inbox.follow(&sources.stateful_sets, Subject::StatefulSet, activity);
        inbox.follow(&sources.budgets, Subject::Budget, activity);
        inbox.follow(&sources.pods, Subject::Pod, activity);
        sources
    }

    /// Waits until all caches hold a consistent state.
    pub async fn synced(&self) {
        self.nodes.synced().await;
        self.namespaces.synced().await;
        self.services.synced().await;
        self.controllers.synced().await;
        self.replica_sets.synced().await;
        self.stateful_sets.synced().await;
        self.budgets.synced().await;
        self.storage.synced().await;
        self.pods.synced().await;
    }

    /// Brings the newest state of an object into the engine.
    pub fn apply(&self, engine: &mut Engine, subject: Subject, key: &ObjectKey, now: Duration) {
        let (kind, group) = match subject {
            Subject::Node => return engine.set_node(&key.name, self.nodes.get(key), now),
            Subject::Storage(about) => {
                let change = |storage: &mut Storage| self.storage.apply(storage, about, key);
                return engine.change_storage(about.kind(), key, change, now);
            }
            Subject::Pod => {
                let pod = self.pods.get(key);
                let others = self.gangs.pod(key, pod.as_deref());
                engine.set_pod(key, pod, now);
                return engine.look_again(&others, now);
            }
            Subject::PodGroup => return engine.look_again(&self.gangs.group(key), now),
            Subject::Namespace => {
                let namespace = self.namespaces.get(key);
                return engine.set_namespace(&key.name, namespace.as_deref(), now);
            }
            Subject::Service => ("Service", self.services.get(key).map(|s| of_service(&s))),
            Subject::ReplicationController => {
                let controller = self.controllers.get(key);
                ("ReplicationController", controller.map(|c| of_controller(&c)))
            }
            Subject::ReplicaSet => {
                let set = self.replica_sets.get(key);
                let selector = |set: Arc<ReplicaSet>| set.spec.as_ref().map(|s| s.selector.clone());
                ("ReplicaSet", set.map(|set| PodGroup::new(selected(selector(set).as_ref()))))
            }
            Subject::StatefulSet => {
                let set = self.stateful_sets.get(key);
                let selector =
                    |set: Arc<StatefulSet>| set.spec.as_ref().map(|s| s.selector.clone());
                ("StatefulSet", set.map(|set| PodGroup::new(selected(selector(set).as_ref()))))
            }
            Subject::Budget => {
                ("PodDisruptionBudget", self.budgets.get(key).map(|b| of_budget(&b)))
            }
        };
        engine.set_group(kind, key, group, now);
    }
}

/// A selector that is invalid selects nothing.
fn selected(wire: Option<&meta::LabelSelector>) -> LabelSelector {
    LabelSelector::from_api(wire).unwrap_or_else(|_| LabelSelector::nothing())
}

/// The pods that have all of some labels; none where there are no labels.
fn labelled(labels: Option<&BTreeMap<String, String>>) -> PodGroup {
    let pairs = labels.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    let selector = LabelSelector::from_labels(pairs).ok().filter(|s| !s.is_everything());
    PodGroup::new(selector.unwrap_or_else(LabelSelector::nothing))
}

fn of_service(service: &Service) -> PodGroup {
    labelled(service.spec.as_ref().and_then(|spec| spec.selector.as_ref()))
}

fn of_controller(controller: &ReplicationController) -> PodGroup {
    labelled(controller.spec.as_ref().and_then(|spec| spec.selector.as_ref()))
}

fn of_budget(budget: &PodDisruptionBudget) -> PodGroup {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let allowed = budget.status.as_ref().and_then(|status| status.disruptions_allowed);
    PodGroup::new(selected(selector)).allowing(i64::from(allowed.unwrap_or_default()))
}
