//! ReplicaSets: as many pods of a template as asked for.
//!
//! Each reconcile sorts out which pods belong to the set (adopting and releasing), makes or
//! deletes the difference in one go, and writes the status. Pods that have ended, or are being
//! deleted, do not count. There are no expectations to keep: a key runs again only after the
//! caches show its own writes.
//!
//! `rank` says which pods go first, `status` what the status says.

mod rank;
mod status;

use std::cmp::Ordering;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
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

/// Keeps ReplicaSets at their size.
#[derive(Debug)]
pub struct ReplicaSetController {
    sets: Informer<ReplicaSet>,
    pods: Informer<Pod>,
    api: Api<ReplicaSet>,
    control: PodControl,
}

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

impl ReplicaSetController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let pods = deps.informers.of::<Pod>();
        pods.add_index(INDEX_ORPHAN, pods::orphan_namespace);
        let control = PodControl {
            api: deps.client().api(),
            recorder: deps.recorder("replicaset-controller"),
        };
        Self { sets: deps.informers.of(), pods, api: deps.client().api(), control }
    }

    /// The pods that belong to `set`.
    async fn claim(&self, set: &ReplicaSet) -> Result<Pods, Status> {
        let owned = self.pods.by_index(INDEX_OWNER, set.uid());
        let terminating = owned.iter().filter(|pod| pod.is_terminating()).cloned().collect();
        let orphans = self.pods.by_index(INDEX_ORPHAN, set.namespace());
        let candidates = owned.into_iter().chain(orphans).filter(|pod| pods::is_active(pod));
        let selector = set.spec.as_ref().map(|spec| spec.selector.clone()).unwrap_or_default();
        let client = self.api.client();
        let active = claim(client, set, &selector, candidates.collect(), None).await?;
        Ok(Pods { active, terminating })
    }

    /// Makes or deletes pods until there are as many as wanted, up to a burst.
    async fn manage(&self, set: &ReplicaSet, pods: &Pods, wanted: i32) -> Result<(), Status> {
        match plan(pods.active.len(), wanted) {
            Plan::Nothing => Ok(()),
            Plan::Create(count) => {
                let template = set.spec.as_ref().and_then(|spec| spec.template.clone());
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
    fn related(&self, set: &ReplicaSet) -> Vec<Arc<Pod>> {
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
        set: &ReplicaSet,
        pods: &Pods,
        failure: Option<&Status>,
    ) -> Result<(), Status> {
        let now = clock::now(self.api.client().env());
        let wanted = status::status(set, pods, replicas(set), failure, &now);
        let before = set.status.clone().unwrap_or_default();
        if status::same(&before, &wanted) {
            return Ok(());
        }
        let set = ReplicaSet { status: Some(wanted), ..set.clone() };
        self.api.update_status(&set).await.map(drop)
    }
}

/// How many pods a set shall have; one where it does not say.
fn replicas(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// The sets that could adopt an orphan that has changed.
fn adopters(sets: &Informer<ReplicaSet>, change: &Change) -> Vec<ObjectKey> {
    let Some(pod) = change.new.as_ref().and_then(|item| item.typed::<Pod>().ok()) else {
        return Vec::new();
    };
    if pod.controller().is_some() || pod.is_terminating() {
        return Vec::new();
    }
    let labels = pod.metadata.labels.as_ref();
    let sets = sets.namespace(pod.namespace());
    let selecting = sets
        .iter()
        .filter(|set| set.spec.as_ref().is_some_and(|spec| selects(&spec.selector, labels)));
    selecting.map(|set| set.key()).collect()
}

#[async_trait]
impl Controller for ReplicaSetController {
    fn name(&self) -> &str {
        "replicaset"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let sets = self.sets.clone();
        vec![
            WatchSpec::own(gvr::<ReplicaSet>()),
            WatchSpec::owned_by(gvr::<Pod>(), "ReplicaSet"),
            WatchSpec::new(gvr::<Pod>(), move |change| adopters(&sets, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(set) = self.sets.get(key) else { return Ok(Outcome::Done) };
        let pods = self.claim(&set).await?;
        let managed = match set.is_terminating() {
            true => Ok(()),
            false => self.manage(&set, &pods, replicas(&set)).await,
        };
        self.write_status(&set, &pods, managed.as_ref().err()).await?;
        managed?;
        let min_ready = set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0);
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
