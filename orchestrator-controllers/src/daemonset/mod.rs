//! DaemonSets: one pod on each node that fits.
//!
//! `pod` says which nodes fit and how a daemon is pinned to one, `plan` what to make and what to
//! delete, updates included. The history of templates is kept as ControllerRevisions.

mod plan;
mod pod;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator_client::{Api, INDEX_OWNER, Informer, KindExt, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, Json, ObjectKey, Status};

use crate::clock;
use crate::deps::ControllerDeps;
use crate::workload::batch::{BURST, all, slow_start};
use crate::workload::claim::claim;
use crate::workload::history::{self, HASH_LABEL, History, Versioned};
use crate::workload::podcontrol::PodControl;
use crate::workload::pods::{self, INDEX_ORPHAN, available_at};
use plan::{Plan, View};

/// Keeps a daemon on each node.
#[derive(Debug)]
pub struct DaemonSetController {
    sets: Informer<DaemonSet>,
    pods: Informer<Pod>,
    nodes: Informer<Node>,
    history: History,
    api: Api<DaemonSet>,
    control: PodControl,
}

impl DaemonSetController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let pods = deps.informers.of::<Pod>();
        pods.add_index(INDEX_ORPHAN, pods::orphan_namespace);
        let recorder = deps.recorder("daemonset-controller");
        Self {
            sets: deps.informers.of(),
            pods,
            nodes: deps.informers.of(),
            history: History::new(deps),
            api: deps.client().api(),
            control: PodControl { api: deps.client().api(), recorder },
        }
    }

    /// Makes and deletes daemons.
    async fn manage(&self, set: &DaemonSet, plan: &Plan, hash: &str) -> Result<(), Status> {
        for pod in plan.delete.iter().filter(|pod| pods::phase(pod) == "Failed") {
            let node = pods::node(pod);
            let name = pod.key();
            let message =
                format!("Found failed daemon pod {name} on node {node}, will try to kill it");
            self.control.recorder.warning(set, "FailedDaemonPod", message);
        }
        all(plan.delete.iter().take(BURST).map(|pod| self.control.delete(set, pod))).await?;
        let make = |place: usize| {
            let pod = pod::make(set, hash, &plan.create[place]);
            async move { self.control.create(set, &pod).await.map(drop) }
        };
        slow_start(plan.create.len().min(BURST), make).await
    }

    async fn write_status(&self, set: &DaemonSet, wanted: DaemonSetStatus) -> Result<(), Status> {
        if set.status.as_ref() == Some(&wanted) {
            return Ok(());
        }
        let set = DaemonSet { status: Some(wanted), ..set.clone() };
        self.api.update_status(&set).await.map(drop)
    }

    async fn run(&self, set: &DaemonSet) -> Result<Outcome, Status> {
        let spec = set.spec.clone().unwrap_or_default();
        if set.is_terminating() {
            return Ok(Outcome::Done);
        }
        let collisions = set.status.as_ref().and_then(|status| status.collision_count);
        let template = &spec.template;
        let workload = Versioned { owner: set, selector: &spec.selector, template, collisions };
        let revisions = self.history.of(&workload).await?;
        let hash = history::hash(&revisions.present);
        let mut candidates = self.pods.by_index(INDEX_OWNER, set.uid());
        candidates.extend(self.pods.by_index(INDEX_ORPHAN, set.namespace()));
        let pods = claim(self.api.client(), set, &spec.selector, candidates, None).await?;
        let now = self.api.client().env().now();
        let view = View::new(set, &self.nodes.list(), pods.clone(), hash, now);
        let plan = view.plan();
        let managed = self.manage(set, &plan, hash).await;
        self.write_status(set, view.status()).await?;
        managed?;
        let in_use = |revision: &ControllerRevision| {
            pods.iter().any(|pod| pod.label(HASH_LABEL) == Some(history::hash(revision)))
        };
        self.history.truncate(&revisions, spec.revision_history_limit, in_use).await?;
        let min_ready = spec.min_ready_seconds.unwrap_or(0);
        let next =
            pods.iter().filter_map(|pod| clock::until(now, available_at(pod, min_ready)?)).min();
        Ok(next.map_or(Outcome::Done, Outcome::RequeueAfter))
    }
}

/// All DaemonSets, where a node came, went, or changed in what decides about daemons.
fn placed(sets: &Informer<DaemonSet>, change: &Change) -> Vec<ObjectKey> {
    let decisive = |item: &Option<Item>| -> Option<(Option<Json>, Option<Json>)> {
        let tree = item.as_ref()?.lean().ok()?;
        let at = |path: &[&str]| tree.at(path).cloned();
        Some((at(&["metadata", "labels"]), at(&["spec", "taints"])))
    };
    if decisive(&change.old) == decisive(&change.new) {
        return Vec::new();
    }
    sets.list().iter().map(|set| set.key()).collect()
}

#[async_trait]
impl Controller for DaemonSetController {
    fn name(&self) -> &str {
        "daemonset"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let sets = self.sets.clone();
        vec![
            WatchSpec::own(gvr::<DaemonSet>()),
            WatchSpec::owned_by(gvr::<Pod>(), "DaemonSet"),
            WatchSpec::owned_by(gvr::<ControllerRevision>(), "DaemonSet"),
            WatchSpec::new(gvr::<Node>(), move |change| placed(&sets, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        match self.sets.get(key) {
            Some(set) => self.run(&set).await,
            None => Ok(Outcome::Done),
        }
    }
}
