//! CronJobs: Jobs that start by the clock.
//!
//! A reconcile looks at the newest start time that has come since the last start (`schedule`),
//! decides what to do about it (`plan`), and comes back for the next one. Start times that
//! were missed while nobody looked are not made up for, only the newest counts.

mod plan;
mod schedule;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_client::{Api, DeleteOptions, INDEX_OWNER, Informer, KindExt, Recorder, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

use crate::clock;
use crate::deps::ControllerDeps;
use crate::job::outcome::finished;
use crate::workload::podcontrol::is_namespace_terminating;
use plan::Step;
use schedule::Schedule;

/// Starts Jobs by the clock.
#[derive(Debug)]
pub struct CronJobController {
    crons: Informer<CronJob>,
    jobs: Informer<Job>,
    api: Api<CronJob>,
    job_api: Api<Job>,
    recorder: Recorder,
}

impl CronJobController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            crons: deps.informers.of(),
            jobs: deps.informers.of(),
            api: deps.client().api(),
            job_api: deps.client().api(),
            recorder: deps.recorder("cronjob-controller"),
        }
    }

    /// Deletes finished Jobs beyond the history limits; returns the others.
    async fn clean_up(&self, cron: &CronJob, jobs: Vec<Arc<Job>>) -> Result<Vec<Arc<Job>>, Status> {
        let surplus = plan::surplus(cron, &jobs);
        for job in &surplus {
            self.delete(cron, job).await?;
        }
        let kept = |job: &Arc<Job>| !surplus.iter().any(|gone| gone.uid() == job.uid());
        Ok(jobs.into_iter().filter(kept).collect())
    }

    async fn delete(&self, cron: &CronJob, job: &Job) -> Result<(), Status> {
        let options =
            DeleteOptions { propagation: "Background".into(), ..DeleteOptions::uid(job.uid()) };
        match self.job_api.delete(&job.key(), &options).await {
            Err(status) if !status.is_not_found() => {
                let message = format!("Deleted job: {}", status.message);
                self.recorder.warning(cron, "FailedDelete", message);
                Err(status)
            }
            _ => {
                let message = format!("Deleted job {}", job.name());
                self.recorder.normal(cron, "SuccessfulDelete", message);
                Ok(())
            }
        }
    }

    /// What the Jobs that there are mean for the status.
    fn observe(&self, cron: &CronJob, jobs: &[Arc<Job>]) -> CronJobStatus {
        let mut status = cron.status.clone().unwrap_or_default();
        for reference in status.active.take().into_iter().flatten() {
            let job = jobs.iter().find(|job| Some(job.uid()) == reference.uid.as_deref());
            let name = reference.name.unwrap_or_default();
            match job.map(|job| finished(job)) {
                Some(Some(condition)) => {
                    let message =
                        format!("Saw completed job: {name}, condition: {}", condition.type_);
                    self.recorder.normal(cron, "SawCompletedJob", message);
                }
                Some(None) => {}
                None => {
                    let message = format!("Active job went missing: {name}");
                    self.recorder.normal(cron, "MissingJob", message);
                }
            }
        }
        let active: Vec<_> =
            jobs.iter().filter(|job| finished(job).is_none()).map(|j| reference(j)).collect();
        status.active = Some(active).filter(|active| !active.is_empty());
        let succeeded = jobs.iter().filter_map(|job| job.status.as_ref()?.completion_time.clone());
        status.last_successful_time =
            status.last_successful_time.into_iter().chain(succeeded).max();
        status
    }

    /// Starts the Job of a start time; `None` where it cannot be.
    async fn start(
        &self,
        cron: &CronJob,
        schedule: &Schedule,
        at: Timestamp,
    ) -> Result<Option<Arc<Job>>, Status> {
        let wanted = plan::make(cron, schedule, at);
        match self.job_api.create(&wanted).await {
            Ok(job) => {
                let message = format!("Created job {}", job.name());
                self.recorder.normal(cron, "SuccessfulCreate", message);
                Ok(Some(job))
            }
            // It was started before, and the status not written.
            Err(status) if status.is_already_exists() => self.job_api.find(&wanted.key()).await,
            Err(status) if is_namespace_terminating(&status) => Ok(None),
            Err(status) => {
                let message = format!("Error creating job: {}", status.message);
                self.recorder.warning(cron, "FailedCreate", message);
                Err(status)
            }
        }
    }

    async fn write_status(&self, cron: &CronJob, wanted: CronJobStatus) -> Result<(), Status> {
        if cron.status.clone().unwrap_or_default() == wanted {
            return Ok(());
        }
        let cron = CronJob { status: Some(wanted), ..cron.clone() };
        self.api.update_status(&cron).await.map(drop)
    }

    async fn run(&self, cron: &CronJob, now: Timestamp) -> Result<Outcome, Status> {
        let owned = self.jobs.by_index(INDEX_OWNER, cron.uid());
        let jobs = self.clean_up(cron, owned).await?;
        let mut status = self.observe(cron, &jobs);
        let spec = cron.spec.clone();
        if spec.suspend == Some(true) || cron.is_terminating() {
            return self.write_status(cron, status).await.map(|()| Outcome::Done);
        }
        let schedule = match Schedule::parse(&spec.schedule, spec.time_zone.as_deref()) {
            Ok(schedule) => schedule,
            Err(error) => {
                self.recorder.warning(cron, error.reason(), error.to_string());
                return self.write_status(cron, status).await.map(|()| Outcome::Done);
            }
        };
        let due = schedule.due(plan::since(cron, now), now);
        if due.too_many {
            let message = "too many missed start times. Set or decrease \
                .spec.startingDeadlineSeconds or check clock skew";
            self.recorder.warning(cron, "TooManyMissedTimes", message);
        }
        let active = status.active.as_ref().map_or(0, Vec::len);
        match plan::step(cron, &due, active, now) {
            Step::Wait => {}
            Step::Missed(at) => {
                let message =
                    format!("Missed scheduled time to start a job: {}", schedule.text(at));
                self.recorder.warning(cron, "MissSchedule", message);
            }
            Step::Busy => {
                let message = "Not starting job because prior execution is running and \
                    concurrency policy is Forbid";
                self.recorder.normal(cron, "JobAlreadyActive", message);
            }
            Step::Start { at, replace } => {
                if replace {
                    for job in jobs.iter().filter(|job| finished(job).is_none()) {
                        self.delete(cron, job).await?;
                    }
                    status.active = None;
                }
                if let Some(job) = self.start(cron, &schedule, at).await? {
                    note_start(&mut status, &job, at);
                }
            }
        }
        self.write_status(cron, status).await?;
        Ok(plan::wait(&due, now).map_or(Outcome::Done, Outcome::RequeueAfter))
    }
}

/// Notes that a Job was started for `at`.
fn note_start(status: &mut CronJobStatus, job: &Job, at: Timestamp) {
    let active = status.active.get_or_insert_default();
    if !active.iter().any(|reference| reference.uid.as_deref() == Some(job.uid())) {
        active.push(reference(job));
    }
    status.last_schedule_time = Some(Time(at));
}

/// A reference that does not change with every change of the Job.
fn reference(job: &Job) -> ObjectReference {
    ObjectReference { resource_version: None, ..orchestrator_client::recorder::reference(job) }
}

#[async_trait]
impl Controller for CronJobController {
    fn name(&self) -> &str {
        "cronjob"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::own(gvr::<CronJob>()), WatchSpec::owned_by(gvr::<Job>(), "CronJob")]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let now = clock::now(self.api.client().env());
        match self.crons.get(key) {
            Some(cron) => self.run(&cron, now.0).await,
            None => Ok(Outcome::Done),
        }
    }
}
