//! ReplicaSets and ReplicationControllers: as many pods of a template as asked for.
//!
//! Both are one controller over a [kind](Replicated) that reads and writes itself as a ReplicaSet.
//!
//! Each reconcile sorts out which pods belong to the set (adopting and releasing), makes or
//! deletes the difference in one go, and writes the status. Pods that have ended, or are being
//! deleted, do not count. There are no expectations to keep: a key runs again only after the
//! caches show its own writes.
//!
//! `rank` says which pods go first, `status` what the status says.

mod kind;
mod rank;
mod status;

pub use kind::Replicated;

use std::cmp::Ordering;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use orchestrator_client::{Api, INDEX_OWNER, Informer, KindExt, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

use crate::clock;
use crate::deps::ControllerDeps;
use crate::workload::batch::{BURST, all, slow_start};
use crate::workload::claim::claim;
use crate::workload::podcontrol::PodControl;
use crate::workload::pods::{self, INDEX_ORPHAN};
use crate::workload::selector::selects;

/// Keeps sets of pods at their size.
#[derive(Debug)]
pub struct ReplicaController<K> {
    sets: Informer<K>,
    pods: Informer<Pod>,
    api: Api<K>,
    control: PodControl,
}

/// Keeps ReplicaSets at their size.
pub type ReplicaSetController = ReplicaController<ReplicaSet>;
/// Keeps ReplicationControllers at their size.
pub type ReplicationControllerController = ReplicaController<ReplicationController>;

/// The pods of a set that count, and those on their way out.
#[derive(Debug)]
struct Pods {
    active: Vec<Arc<Pod>>,
    terminating: Vec<Arc<Pod>>,
}

/// What to do about the number of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Create(usize),
    Delete(usize),
    Nothing,
}

/// The difference between `wanted` and `active` pods, at most a burst of it.
fn plan(active: usize, wanted: i32) -> Plan {
    let wanted = usize::try_from(wanted).unwrap_or(0);
    match active.cmp(&wanted) {
        Ordering::Less => Plan::Create((wanted - active).min(BURST)),
        Ordering::Greater => Plan::Delete((active - wanted).min(BURST)),
        Ordering::Equal => Plan::Nothing,
    }
}

impl<K: Replicated> ReplicaController<K> {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let pods = deps.informers.of::<Pod>();
        pods.add_index(INDEX_ORPHAN, pods::orphan_namespace);
        let control =
            PodControl { api: deps.client().api(), recorder: deps.recorder(K::COMPONENT) };
        Self { sets: deps.informers.of(), pods, api: deps.client().api(), control }
    }

    /// The pods that belong to `set`.
    async fn claim(&self, set: &K) -> Result<Pods, Status> {
        let owned = self.pods.by_index(INDEX_OWNER, set.uid());
        let terminating = owned.iter().filter(|pod| pod.is_terminating()).cloned().collect();
        let orphans = self.pods.by_index(INDEX_ORPHAN, set.namespace());
        let candidates = owned.into_iter().chain(orphans).filter(|pod| pods::is_active(pod));
        let selector = set.selector();
        let client = self.api.client();
        let active = claim(client, set, &selector, candidates.collect(), None).await?;
        Ok(Pods { active, terminating })
    }

    /// Makes or deletes pods until there are as many as wanted, up to a burst.
    async fn manage(&self, set: &K, pods: &Pods, wanted: i32) -> Result<(), Status> {
        match plan(pods.active.len(), wanted) {
            Plan::Nothing => Ok(()),
            Plan::Create(count) => {
                let template = set.as_set().spec.and_then(|spec| spec.template);
                let pod = pods::from_template(set, &template.unwrap_or_default());
                slow_start(count, |_| self.control.create(set, &pod).map(|made| made.map(drop)))
                    .await
            }
            Plan::Delete(count) => {
                let related = self.related(set);
                let now = self.api.client().env().now();
                let victims = rank::victims(pods.active.clone(), &related, count, now);
                all(victims.iter().map(|pod| self.control.delete(set, pod))).await
            }
        }
    }

    /// The active pods of all sets that have the same owner as `set`, or of `set` alone.
    fn related(&self, set: &K) -> Vec<Arc<Pod>> {
        let siblings = match set.controller() {
            None => vec![set.uid().to_owned()],
            Some(owner) => {
                let sets = self.sets.by_index(INDEX_OWNER, &owner.uid);
                sets.iter().map(|set| set.uid().to_owned()).collect()
            }
        };
        let pods = siblings.iter().flat_map(|uid| self.pods.by_index(INDEX_OWNER, uid));
        pods.filter(|pod| pods::is_active(pod)).collect()
    }

    async fn write_status(
        &self,
        set: &K,
        pods: &Pods,
        failure: Option<&Status>,
    ) -> Result<(), Status> {
        let now = clock::now(self.api.client().env());
        let known = set.as_set();
        let wanted = status::status(&known, pods, replicas(&known), failure, &now);
        // Not every kind can say all of it: what cannot be said is no difference.
        let updated = set.with_status(wanted);
        let after = updated.as_set().status.unwrap_or_default();
        if status::same(&known.status.unwrap_or_default(), &after) {
            return Ok(());
        }
        self.api.update_status(&updated).await.map(drop)
    }
}

/// How many pods a set shall have; one where it does not say.
fn replicas(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// The sets that could adopt an orphan that has changed.
fn adopters<K: Replicated>(sets: &Informer<K>, change: &Change) -> Vec<ObjectKey> {
    let Some(pod) = change.new.as_ref().and_then(|item| item.typed::<Pod>().ok()) else {
        return Vec::new();
    };
    if pod.controller().is_some() || pod.is_terminating() {
        return Vec::new();
    }
    let labels = pod.metadata.labels.as_ref();
    let sets = sets.namespace(pod.namespace());
    let selecting = sets.iter().filter(|set| selects(&set.selector(), labels));
    selecting.map(|set| set.key()).collect()
}

#[async_trait]
impl<K: Replicated> Controller for ReplicaController<K> {
    fn name(&self) -> &str {
        K::NAME
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let sets = self.sets.clone();
        vec![
            WatchSpec::own(gvr::<K>()),
            WatchSpec::owned_by(gvr::<Pod>(), K::KIND),
            WatchSpec::new(gvr::<Pod>(), move |change| adopters(&sets, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(set) = self.sets.get(key) else { return Ok(Outcome::Done) };
        let pods = self.claim(&set).await?;
        let managed = match set.is_terminating() {
            true => Ok(()),
            false => self.manage(&set, &pods, replicas(&set.as_set())).await,
        };
        self.write_status(&set, &pods, managed.as_ref().err()).await?;
        managed?;
        let min_ready = set.min_ready_seconds();
        let wait = status::next_available(&pods.active, min_ready, cx.env.now());
        Ok(wait.map_or(Outcome::Done, Outcome::RequeueAfter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_made_or_deleted_in_bursts() {
        let cases = [
            (0, 3, Plan::Create(3)),
            (3, 3, Plan::Nothing),
            (5, 3, Plan::Delete(2)),
            (0, 5000, Plan::Create(BURST)),
            (5000, 0, Plan::Delete(BURST)),
            (2, -1, Plan::Delete(2)),
        ];
        for (active, wanted, want) in cases {
            assert_eq!(plan(active, wanted), want, "{active} of {wanted}");
        }
    }
}
