//! Jobs: pods that run until enough of them have succeeded.
//!
//! A reconcile sorts the Job's pods (`tally`, with `retries` where indexes fail one by one), decides whether the Job is to end (`outcome`),
//! makes and deletes pods (`manage`), writes the status and lets the counted pods go. Pods carry
//! a finalizer until they are counted, so none is lost and none is counted twice; a Job ends for
//! good only when all its pods are gone or counted.

mod indexes;
mod manage;
pub(crate) mod outcome;
mod pod;
mod policy;
mod retries;
mod status;
mod tally;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::{Api, INDEX_OWNER, Informer, KindExt, Patch, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};
use serde_json::json;

use crate::clock;
use crate::deps::ControllerDeps;
use crate::workload::batch::{all, slow_start};
use crate::workload::claim::claim;
use crate::workload::podcontrol::PodControl;
use crate::workload::pods::{self, INDEX_ORPHAN};
use crate::workload::selector::selects;
use manage::Plan;
use outcome::End;
use pod::{TRACKING, is_tracked};
use retries::Failures;
use status::{News, Round};
use tally::Tally;

/// Runs Jobs.
#[derive(Debug)]
pub struct JobController {
    jobs: Informer<Job>,
    pods: Informer<Pod>,
    api: Api<Job>,
    control: PodControl,
}

impl JobController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let pods = deps.informers.of::<Pod>();
        pods.add_index(INDEX_ORPHAN, pods::orphan_namespace);
        let control =
            PodControl { api: deps.client().api(), recorder: deps.recorder("job-controller") };
        Self { jobs: deps.informers.of(), pods, api: deps.client().api(), control }
    }

    /// The pods that belong to `job`.
    async fn claim(&self, job: &Job) -> Result<Vec<Arc<Pod>>, Status> {
        let mut candidates = self.pods.by_index(INDEX_OWNER, job.uid());
        let Some(selector) = job.spec.as_ref().and_then(|spec| spec.selector.as_ref()) else {
            return Ok(candidates);
        };
        candidates.extend(self.pods.by_index(INDEX_ORPHAN, job.namespace()));
        claim(self.api.client(), job, selector, candidates, Some(TRACKING)).await
    }

    /// Makes and deletes pods; tells how many.
    async fn manage(&self, job: &Job, tally: &Tally, plan: &Plan) -> Result<Round, Status> {
        all(plan.delete.iter().map(|pod| self.discard(job, pod))).await?;
        let make = |place: usize| {
            let index = plan.create[place];
            let failed = index.and_then(|index| tally.waiting.get(&index));
            let failures = failed.map(|pod| Failures::after(job, pod)).unwrap_or_default();
            let pod = pod::make(job, index, failures);
            async move { self.control.create(job, &pod).await.map(drop) }
        };
        slow_start(plan.create.len(), make).await?;
        Ok(Round { created: plan.create.len(), deleted: plan.delete.len() })
    }

    /// Deletes a pod that is not needed; without its finalizer it does not count as failed.
    async fn discard(&self, job: &Job, pod: &Pod) -> Result<(), Status> {
        self.release(pod).await?;
        self.control.delete(job, pod).await
    }

    /// Removes the finalizer that kept a pod until it was counted.
    async fn release(&self, pod: &Pod) -> Result<(), Status> {
        if !is_tracked(pod) {
            return Ok(());
        }
        let patch = json!({"metadata": {"uid": pod.uid(),
            "$deleteFromPrimitiveList/finalizers": [TRACKING]}});
        match self.control.api.patch(&pod.key(), Patch::Strategic(patch)).await {
            Err(status) if !status.is_not_found() && !status.is_conflict() => Err(status),
            _ => Ok(()),
        }
    }

    async fn write_status(
        &self,
        job: &Job,
        wanted: JobStatus,
        news: Vec<News>,
    ) -> Result<(), Status> {
        if job.status.as_ref() == Some(&wanted) {
            return Ok(());
        }
        let wanted = Job { status: Some(wanted), ..job.clone() };
        self.api.update_status(&wanted).await?;
        let recorder = &self.control.recorder;
        for news in news {
            match news {
                News::Suspended => recorder.normal(job, "Suspended", "Job suspended"),
                News::Resumed => recorder.normal(job, "Resumed", "Job resumed"),
                News::Ended(End { success: true, .. }) => {
                    recorder.normal(job, "Completed", "Job completed");
                }
                News::Ended(End { reason, message, .. }) => {
                    recorder.warning(job, &reason, message);
                }
            }
        }
        Ok(())
    }

    async fn run(&self, job: &Job, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let pods = self.claim(job).await?;
        if outcome::finished(job).is_some() || job.is_terminating() {
            // What has not been counted by now never will be.
            let ended = pods.iter().filter(|pod| pods::is_finished(pod) || pod.is_terminating());
            all(ended.map(|pod| self.release(pod))).await?;
            return Ok(Outcome::Done);
        }
        let now = clock::now(&cx.env);
        let mut tally = tally::tally(job, &pods);
        let end = outcome::end(job, &tally, now.0);
        if end.is_some() {
            tally = tally::last_tally(job, &pods);
        }
        let (managed, wait) = match &end {
            Some(end) => (self.wind_down(job, &tally, end).await, None),
            None => {
                let plan = manage::plan(job, &tally, &pods, now.0);
                (self.manage(job, &tally, &plan).await, plan.wait)
            }
        };
        let round = managed.clone().unwrap_or_default();
        let (status, news) = status::status(job, &tally, end.as_ref(), round, &now);
        let mut started = job.clone();
        started.status = Some(status.clone());
        self.write_status(job, status, news).await?;
        all(tally.release.iter().map(|pod| self.release(pod))).await?;
        managed?;
        let deadline = outcome::until_deadline(&started, now.0).flatten().filter(|_| end.is_none());
        let wait = clock::sooner(wait, deadline);
        Ok(wait.map_or(Outcome::Done, Outcome::RequeueAfter))
    }

    /// Deletes the pods that still run when the Job is to end. Those of a failed Job count as
    /// failed, those of a successful one do not.
    async fn wind_down(&self, job: &Job, tally: &Tally, end: &End) -> Result<Round, Status> {
        let deletions = tally.active.iter().map(|pod| match end.success {
            true => self.discard(job, pod).left_future(),
            false => self.control.delete(job, pod).right_future(),
        });
        all(deletions).await?;
        Ok(Round { created: 0, deleted: tally.active.len() })
    }

    /// The Job is gone: nobody will count its pods.
    async fn release_orphans(&self, key: &ObjectKey) -> Result<(), Status> {
        let pods = self.pods.namespace(&key.namespace);
        let ours = pods.iter().filter(|pod| {
            is_tracked(pod)
                && pod.controller().is_some_and(|o| o.kind == "Job" && o.name == key.name)
        });
        all(ours.map(|pod| self.release(pod))).await
    }
}

/// The Jobs that could adopt an orphan that has changed.
fn adopters(jobs: &Informer<Job>, change: &Change) -> Vec<ObjectKey> {
    let Some(pod) = change.new.as_ref().and_then(|item| item.typed::<Pod>().ok()) else {
        return Vec::new();
    };
    if pod.controller().is_some() || pod.is_terminating() {
        return Vec::new();
    }
    let labels = pod.metadata.labels.as_ref();
    let selecting = jobs.namespace(pod.namespace());
    let selecting = selecting.iter().filter(|job| {
        let selector = job.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        selector.is_some_and(|selector| selects(selector, labels))
    });
    selecting.map(|job| job.key()).collect()
}

#[async_trait]
impl Controller for JobController {
    fn name(&self) -> &str {
        "job"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let jobs = self.jobs.clone();
        vec![
            WatchSpec::own(gvr::<Job>()),
            WatchSpec::owned_by(gvr::<Pod>(), "Job"),
            WatchSpec::new(gvr::<Pod>(), move |change| adopters(&jobs, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let managed_elsewhere = |job: &Job| {
            let manager = job.spec.as_ref().and_then(|spec| spec.managed_by.as_deref());
            manager.is_some_and(|manager| manager != "kubernetes.io/job-controller")
        };
        match self.jobs.get(key) {
            Some(job) if managed_elsewhere(&job) => Ok(Outcome::Done),
            Some(job) => self.run(&job, cx).await,
            None => self.release_orphans(key).await.map(|()| Outcome::Done),
        }
    }
}
