//! Deployments: a template and its history as ReplicaSets, updated step by step.
//!
//! A reconcile looks at the sets, takes at most one step (make the new set, give sets new sizes,
//! delete old ones) and reports. The next step follows when the sets have changed, which the
//! runtime sees to; so a rollout is a sequence of pure decisions, each on the present state:
//! `sets` finds the new set, `rollout` decides sizes, `revision` keeps the history, `status`
//! tells how it goes.

mod limits;
mod revision;
mod rollout;
#[cfg(test)]
mod rollout_tests;
mod sets;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::{
    Api, DeleteOptions, INDEX_OWNER, Informer, KindExt, Patch, Recorder, gvr,
};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};
use serde_json::json;

use crate::clock;
use crate::deps::ControllerDeps;
use crate::workload::claim::claim;
use crate::workload::podcontrol::is_namespace_terminating;
use crate::workload::pods::{self, INDEX_ORPHAN};
use crate::workload::selector::{is_empty, selects};
use limits::Limits;
use rollout::Scale;
use sets::{Sets, replicas};
use status::{Happened, Report};

/// Rolls Deployments out.
#[derive(Debug)]
pub struct DeploymentController {
    deployments: Informer<Deployment>,
    sets: Informer<ReplicaSet>,
    pods: Informer<Pod>,
    api: Api<Deployment>,
    set_api: Api<ReplicaSet>,
    recorder: Recorder,
}

/// One look at a Deployment.
struct View {
    deployment: Arc<Deployment>,
    limits: Limits,
    sets: Sets,
}

impl DeploymentController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let sets = deps.informers.of::<ReplicaSet>();
        sets.add_index(INDEX_ORPHAN, pods::orphan_namespace);
        Self {
            deployments: deps.informers.of(),
            sets,
            pods: deps.informers.of(),
            api: deps.client().api(),
            set_api: deps.client().api(),
            recorder: deps.recorder("deployment-controller"),
        }
    }

    /// The Deployment with the sets that belong to it.
    async fn view(
        &self,
        deployment: Arc<Deployment>,
        spec: &DeploymentSpec,
    ) -> Result<View, Status> {
        let owned = self.sets.by_index(INDEX_OWNER, deployment.uid());
        let orphans = self.sets.by_index(INDEX_ORPHAN, deployment.namespace());
        let candidates = owned.into_iter().chain(orphans).collect();
        let client = self.api.client();
        let claimed = claim(client, &*deployment, &spec.selector, candidates, None).await?;
        let limits = Limits::of(&deployment);
        Ok(View { sets: Sets::of(&deployment, claimed), limits, deployment })
    }

    /// Takes one step; tells what has happened to the new set.
    async fn step(&self, view: &mut View, spec: &DeploymentSpec) -> Result<Happened, Status> {
        let View { sets, limits, .. } = &*view;
        let paused = spec.paused == Some(true);
        if paused || rollout::is_scaled(sets, *limits) {
            self.annotate(view).await?;
            let before = view.deployment.status.as_ref().and_then(|status| status.replicas);
            let scales = rollout::proportional(&view.sets, view.limits, before.unwrap_or(0));
            self.scale(view, scales).await?;
            if paused {
                self.clean_up(view, spec).await?;
            }
            return Ok(Happened::Nothing);
        }
        let old_pods_run = !limits.rolling && self.old_pods_run(view);
        let blocked = !limits.rolling && (sets.active_old().next().is_some() || old_pods_run);
        if sets.new.is_none() && !blocked {
            return self.create(view).await;
        }
        self.annotate(view).await?;
        let scales = match view.limits.rolling {
            true => rollout::rolling(&view.sets, view.limits),
            false => rollout::recreate(&view.sets, view.limits, old_pods_run),
        };
        self.scale(view, scales).await?;
        Ok(Happened::Nothing)
    }

    /// Makes the set for the Deployment's template.
    async fn create(&self, view: &mut View) -> Result<Happened, Status> {
        let deployment = Arc::clone(&view.deployment);
        let mut wanted = sets::make(&deployment);
        let size = rollout::new_size(&view.sets, view.limits);
        wanted.spec.get_or_insert_default().replicas = Some(size);
        let revision = revision::next_revision(&view.sets.old);
        revision::annotate_new(&mut wanted, &deployment, revision);
        revision::annotate_size(&mut wanted, view.limits);
        let made = match self.set_api.create(&wanted).await {
            Ok(made) => made,
            Err(status) if status.is_already_exists() => {
                return self.collide(view, &wanted, status).await;
            }
            Err(status) if is_namespace_terminating(&status) => return Ok(Happened::Nothing),
            Err(status) => {
                let why = format!(
                    "Failed to create new replica set \"{}\": {}",
                    wanted.name(),
                    status.message
                );
                self.recorder.warning(&*deployment, "ReplicaSetCreateError", why.clone());
                return Ok(Happened::CreateFailed(why));
            }
        };
        if size > 0 {
            let message = format!("Scaled up replica set {} from 0 to {size}", made.name());
            self.recorder.normal(&*deployment, "ScalingReplicaSet", message);
        }
        view.sets.new = Some(made);
        Ok(Happened::Created)
    }

    /// A set of the wanted name exists: the cache did not know ours yet, or two templates have
    /// one hash; then the next attempt takes another one.
    async fn collide(
        &self,
        view: &View,
        wanted: &ReplicaSet,
        exists: Status,
    ) -> Result<Happened, Status> {
        let found = self.set_api.get(&wanted.key()).await?;
        if !sets::is_own(&view.deployment, &found) {
            let mut status = view.deployment.status.clone().unwrap_or_default();
            status.collision_count = Some(status.collision_count.unwrap_or(0).saturating_add(1));
            let mut deployment = Deployment::clone(&view.deployment);
            deployment.status = Some(status);
            self.api.update_status(&deployment).await?;
        }
        Err(exists)
    }

    /// Keeps revision and annotations of the new set up to date.
    async fn annotate(&self, view: &mut View) -> Result<(), Status> {
        let Some(new) = &view.sets.new else { return Ok(()) };
        let mut wanted = ReplicaSet::clone(new);
        let revision = revision::next_revision(&view.sets.old);
        revision::annotate_new(&mut wanted, &view.deployment, revision);
        let min_ready = view.deployment.spec.as_ref().and_then(|spec| spec.min_ready_seconds);
        let spec = wanted.spec.get_or_insert_default();
        if spec.min_ready_seconds.unwrap_or(0) != min_ready.unwrap_or(0) {
            spec.min_ready_seconds = min_ready;
        }
        if wanted != **new {
            view.sets.new = Some(self.set_api.update(&wanted).await?);
        }
        Ok(())
    }

    /// Gives sets their new sizes.
    async fn scale(&self, view: &mut View, scales: Vec<Scale>) -> Result<(), Status> {
        for Scale { set, to } in scales {
            let from = replicas(&set);
            let mut wanted = ReplicaSet::clone(&set);
            wanted.spec.get_or_insert_default().replicas = Some(to);
            revision::annotate_size(&mut wanted, view.limits);
            let written = self.set_api.update(&wanted).await?;
            if from != to {
                let way = if from < to { "up" } else { "down" };
                let name = set.name();
                let message = format!("Scaled {way} replica set {name} from {from} to {to}");
                self.recorder.normal(&*view.deployment, "ScalingReplicaSet", message);
            }
            let old = view.sets.old.iter_mut().find(|old| old.uid() == set.uid());
            match old {
                Some(old) => *old = written,
                None => view.sets.new = Some(written),
            }
        }
        Ok(())
    }

    /// Deletes old sets beyond the history limit.
    async fn clean_up(&self, view: &View, spec: &DeploymentSpec) -> Result<(), Status> {
        for set in rollout::surplus(&view.sets, spec.revision_history_limit) {
            let deleted = self.set_api.delete(&set.key(), &DeleteOptions::uid(set.uid())).await;
            match deleted {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => tracing::debug!(set = %set.key(), "old replica set deleted"),
            }
        }
        Ok(())
    }

    /// Whether pods of old sets are still there; ended ones do not count.
    fn old_pods_run(&self, view: &View) -> bool {
        let running = |set: &Arc<ReplicaSet>| {
            let pods = self.pods.by_index(INDEX_OWNER, set.uid());
            pods.iter().any(|pod| !pods::is_finished(pod))
        };
        view.sets.old.iter().any(running)
    }

    /// Writes the status, and along with it the revision of the new set, which so does not count
    /// as a change of the Deployment.
    async fn write_status(&self, view: &View, wanted: DeploymentStatus) -> Result<(), Status> {
        let deployment = &view.deployment;
        let noted = deployment.annotation(revision::REVISION).map(str::to_owned);
        let revision = view.sets.new.as_ref().map(|set| revision::revision(set).to_string());
        let revision = revision.or_else(|| noted.clone());
        let before = deployment.status.clone().unwrap_or_default();
        if status::same(&before, &wanted) && revision == noted {
            return Ok(());
        }
        let mut status = json!(wanted);
        clear_missing(&mut status);
        let annotations = json!({revision::REVISION: revision});
        let metadata = json!({"uid": deployment.uid(), "annotations": annotations});
        let patch = Patch::Merge(json!({"metadata": metadata, "status": status}));
        self.api.patch_status(&deployment.key(), patch).await.map(drop)
    }

    async fn run(&self, deployment: Arc<Deployment>) -> Result<Outcome, Status> {
        let spec = deployment.spec.clone().unwrap_or_default();
        let now = clock::now(self.api.client().env());
        if is_empty(&spec.selector) {
            let message =
                "This deployment is selecting all pods. A non-empty selector is required.";
            self.recorder.warning(&*deployment, "SelectingAll", message);
            return Ok(Outcome::Done);
        }
        let mut view = self.view(Arc::clone(&deployment), &spec).await?;
        if deployment.is_terminating() {
            let (status, _) = Report::new(&deployment, &view.sets, view.limits, now).finish();
            self.write_status(&view, status).await?;
            return Ok(Outcome::Done);
        }
        let happened = self.step(&mut view, &spec).await?;
        let mut report = Report::new(&deployment, &view.sets, view.limits, now);
        report.paused(spec.paused == Some(true));
        report.note(&happened, view.sets.new.as_deref());
        let paused = spec.paused == Some(true);
        if !paused {
            report.progress(&view.sets);
            if report.is_complete() {
                self.clean_up(&view, &spec).await?;
            }
        }
        let (status, wait) = report.finish();
        self.write_status(&view, status).await?;
        if let Happened::CreateFailed(why) = happened {
            return Err(Status::internal(why));
        }
        let wait = wait.filter(|_| !paused);
        Ok(wait.map_or(Outcome::Done, Outcome::RequeueAfter))
    }
}

/// What is not given is removed from the stored status.
fn clear_missing(status: &mut serde_json::Value) {
    const FIELDS: [&str; 8] = [
        "availableReplicas",
        "collisionCount",
        "conditions",
        "readyReplicas",
        "replicas",
        "terminatingReplicas",
        "unavailableReplicas",
        "updatedReplicas",
    ];
    for field in FIELDS {
        if status.get(field).is_none() {
            status[field] = serde_json::Value::Null;
        }
    }
}

/// The Deployments that could adopt a set that nobody controls.
fn adopters(deployments: &Informer<Deployment>, change: &Change) -> Vec<ObjectKey> {
    let Some(set) = change.new.as_ref().and_then(|item| item.typed::<ReplicaSet>().ok()) else {
        return Vec::new();
    };
    if set.controller().is_some() || set.is_terminating() {
        return Vec::new();
    }
    let labels = set.metadata.labels.as_ref();
    let all = deployments.namespace(set.namespace());
    let selecting =
        all.iter().filter(|d| d.spec.as_ref().is_some_and(|spec| selects(&spec.selector, labels)));
    selecting.map(|deployment| deployment.key()).collect()
}

/// The Deployment that waits for its old pods to go, of which one has just gone or ended.
fn waiting(
    deployments: &Informer<Deployment>,
    sets: &Informer<ReplicaSet>,
    change: &Change,
) -> Vec<ObjectKey> {
    let owner = || {
        let pod = change.item()?.typed::<Pod>().ok()?;
        if change.new.is_some() && !pods::is_finished(&pod) {
            return None;
        }
        let set = sets.get(&ObjectKey::new(pod.namespace(), &*pod.controller()?.name))?;
        let key = ObjectKey::new(set.namespace(), &*set.controller()?.name);
        let deployment = deployments.get(&key)?;
        (!Limits::of(&deployment).rolling).then_some(key)
    };
    owner().into_iter().collect()
}

#[async_trait]
impl Controller for DeploymentController {
    fn name(&self) -> &str {
        "deployment"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let (deployments, sets) = (self.deployments.clone(), self.sets.clone());
        let adopting = self.deployments.clone();
        vec![
            WatchSpec::own(gvr::<Deployment>()),
            WatchSpec::owned_by(gvr::<ReplicaSet>(), "Deployment"),
            WatchSpec::new(gvr::<ReplicaSet>(), move |change| adopters(&adopting, change)),
            WatchSpec::new(gvr::<Pod>(), move |change| waiting(&deployments, &sets, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        match self.deployments.get(key) {
            Some(deployment) => self.run(deployment).await,
            None => Ok(Outcome::Done),
        }
    }
}
