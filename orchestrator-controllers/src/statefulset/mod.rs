//! StatefulSets: pods with names of their own, that come, go and are updated in order, and whose
//! claims outlive them.
//!
//! `pod` makes a pod with its identity and claims, `plan` says what comes next, `retention` what
//! becomes of the claims. The history of templates is kept as ControllerRevisions.

mod plan;
mod pod;
mod retention;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, PodTemplateSpec};
use orchestrator_client::{Api, DeleteOptions, INDEX_OWNER, Informer, KindExt, Recorder, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

use crate::clock;
use crate::deps::ControllerDeps;
use crate::workload::claim::claim;
use crate::workload::history::{self, HASH_LABEL, History, Revisions, Versioned};
use crate::workload::podcontrol::is_namespace_terminating;
use crate::workload::pods::{self, INDEX_ORPHAN, available_at};
use plan::{Action, View};
use retention::Policy;

/// Keeps StatefulSets at their size, in order.
#[derive(Debug)]
pub struct StatefulSetController {
    sets: Informer<StatefulSet>,
    pods: Informer<Pod>,
    claims: Informer<PersistentVolumeClaim>,
    history: History,
    api: Api<StatefulSet>,
    pod_api: Api<Pod>,
    claim_api: Api<PersistentVolumeClaim>,
    recorder: Recorder,
}

impl StatefulSetController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let pods = deps.informers.of::<Pod>();
        pods.add_index(INDEX_ORPHAN, pods::orphan_namespace);
        Self {
            sets: deps.informers.of(),
            pods,
            claims: deps.informers.of(),
            history: History::new(deps),
            api: deps.client().api(),
            pod_api: deps.client().api(),
            claim_api: deps.client().api(),
            recorder: deps.recorder("statefulset-controller"),
        }
    }

    async fn act(
        &self,
        set: &StatefulSet,
        revisions: &Revisions,
        action: Action,
    ) -> Result<(), Status> {
        match action {
            Action::Create(ordinal, revision) => {
                let named = revisions.all.iter().find(|r| r.name() == revision);
                let template = named.and_then(|revision| history::template(revision));
                let present = || set.spec.as_ref().map(|spec| spec.template.clone());
                let template = template.or_else(present).unwrap_or_default();
                self.create(set, ordinal, &revision, &template).await
            }
            Action::Delete(pod) => self.delete(set, &pod).await,
            Action::Recreate(pod) => {
                let message =
                    format!("StatefulSet {} is recreating failed Pod {}", set.key(), pod.name());
                self.recorder.warning(set, "RecreatingFailedPod", message);
                self.delete(set, &pod).await
            }
        }
    }

    /// Makes a pod, its claims first.
    async fn create(
        &self,
        set: &StatefulSet,
        ordinal: i32,
        revision: &str,
        template: &PodTemplateSpec,
    ) -> Result<(), Status> {
        let wanted = pod::make(set, ordinal, revision, template);
        for (_, claim) in pod::claims(set, ordinal) {
            self.create_claim(set, &claim, wanted.name()).await?;
        }
        let (what, name) = (wanted.name(), set.name());
        match self.pod_api.create(&wanted).await {
            Ok(_) => {
                let message = format!("create Pod {what} in StatefulSet {name} successful");
                self.recorder.normal(set, "SuccessfulCreate", message);
                Ok(())
            }
            Err(status) if is_namespace_terminating(&status) => Ok(()),
            Err(status) => {
                let why = &status.message;
                let message =
                    format!("create Pod {what} in StatefulSet {name} failed error: {why}");
                self.recorder.warning(set, "FailedCreate", message);
                Err(status)
            }
        }
    }

    async fn create_claim(
        &self,
        set: &StatefulSet,
        claim: &PersistentVolumeClaim,
        pod: &str,
    ) -> Result<(), Status> {
        if self.claims.get(&claim.key()).is_some() {
            return Ok(());
        }
        let (what, name) = (claim.name(), set.name());
        match self.claim_api.create(claim).await {
            Ok(_) => {
                let message =
                    format!("create Claim {what} Pod {pod} in StatefulSet {name} success");
                self.recorder.normal(set, "SuccessfulCreate", message);
                Ok(())
            }
            Err(status) if status.is_already_exists() || is_namespace_terminating(&status) => {
                Ok(())
            }
            Err(status) => Err(status),
        }
    }

    async fn delete(&self, set: &StatefulSet, pod: &Pod) -> Result<(), Status> {
        let (what, name) = (pod.name(), set.name());
        match self.pod_api.delete(&pod.key(), &DeleteOptions::uid(pod.uid())).await {
            Err(status) if !status.is_not_found() => {
                let why = &status.message;
                let message =
                    format!("delete Pod {what} in StatefulSet {name} failed error: {why}");
                self.recorder.warning(set, "FailedDelete", message);
                Err(status)
            }
            _ => {
                let message = format!("delete Pod {what} in StatefulSet {name} successful");
                self.recorder.normal(set, "SuccessfulDelete", message);
                Ok(())
            }
        }
    }

    /// Says with whom the claims of `pods` go.
    async fn retain_claims(&self, set: &StatefulSet, view: &View<'_>) -> Result<(), Status> {
        let policy = Policy::of(set);
        for (ordinal, pod) in view.pods() {
            let surplus = !view.wanted().contains(&ordinal);
            for (_, claim) in pod::claims(set, ordinal) {
                let Some(claim) = self.claims.get(&claim.key()) else { continue };
                if let Some(owners) = policy.owners(set, pod, &claim, surplus) {
                    let mut claim = PersistentVolumeClaim::clone(&claim);
                    claim.metadata.owner_references = Some(owners);
                    self.claim_api.update(&claim).await?;
                }
            }
        }
        Ok(())
    }

    async fn write_status(
        &self,
        set: &StatefulSet,
        wanted: StatefulSetStatus,
    ) -> Result<(), Status> {
        if set.status.as_ref() == Some(&wanted) {
            return Ok(());
        }
        let set = StatefulSet { status: Some(wanted), ..set.clone() };
        self.api.update_status(&set).await.map(drop)
    }

    async fn run(&self, set: &StatefulSet) -> Result<Outcome, Status> {
        let spec = set.spec.clone().unwrap_or_default();
        if set.is_terminating() {
            return Ok(Outcome::Done);
        }
        let status = set.status.clone().unwrap_or_default();
        let (template, collisions) = (&spec.template, status.collision_count.filter(|c| *c > 0));
        let workload = Versioned { owner: set, selector: &spec.selector, template, collisions };
        let revisions = self.history.of(&workload).await?;
        let update = revisions.present.name().to_owned();
        let known = |name: &String| revisions.all.iter().any(|revision| revision.name() == name);
        let current = status.current_revision.filter(known).unwrap_or_else(|| update.clone());
        let mut candidates = self.pods.by_index(INDEX_OWNER, set.uid());
        let orphans = self.pods.by_index(INDEX_ORPHAN, set.namespace());
        candidates.extend(orphans.into_iter().filter(|p| pod::ordinal(set, p).is_some()));
        let pods = claim(self.api.client(), set, &spec.selector, candidates, None).await?;
        let now = self.api.client().env().now();
        let view = View::new(set, pods.clone(), (current.clone(), update), now);
        self.retain_claims(set, &view).await?;
        let mut acted = Ok(());
        for action in view.plan() {
            acted = self.act(set, &revisions, action).await;
            if acted.is_err() {
                break;
            }
        }
        self.write_status(set, view.status(status.collision_count)).await?;
        acted?;
        let in_use = |revision: &ControllerRevision| {
            let name = revision.name();
            name == current || pods.iter().any(|pod| pod.label(HASH_LABEL) == Some(name))
        };
        self.history.truncate(&revisions, spec.revision_history_limit, in_use).await?;
        let min_ready = spec.min_ready_seconds.unwrap_or(0);
        let next =
            pods.iter().filter_map(|pod| clock::until(now, available_at(pod, min_ready)?)).min();
        Ok(next.map_or(Outcome::Done, Outcome::RequeueAfter))
    }
}

#[async_trait]
impl Controller for StatefulSetController {
    fn name(&self) -> &str {
        "statefulset"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![
            WatchSpec::own(gvr::<StatefulSet>()),
            WatchSpec::owned_by(gvr::<Pod>(), "StatefulSet"),
            WatchSpec::owned_by(gvr::<ControllerRevision>(), "StatefulSet"),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        match self.sets.get(key) {
            Some(set) => self.run(&set).await,
            None => Ok(Outcome::Done),
        }
    }
}
