//! Finished Jobs are deleted after the time that they give.

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use orchestrator_client::{Api, DeleteOptions, Informer, KindExt, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

use crate::clock;
use crate::deps::ControllerDeps;
use crate::job::outcome::finished;

/// Deletes Jobs some time after they have finished.
#[derive(Debug)]
pub struct TtlController {
    jobs: Informer<Job>,
    api: Api<Job>,
}

impl TtlController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self { jobs: deps.informers.of(), api: deps.client().api() }
    }
}

/// When a Job is to be deleted; `None` where it is not, or not yet finished.
fn expires_at(job: &Job) -> Option<Timestamp> {
    let ttl = job.spec.as_ref()?.ttl_seconds_after_finished?;
    let since = finished(job)?.last_transition_time.as_ref()?;
    (!job.is_terminating()).then(|| clock::plus(since, ttl.into()))
}

#[async_trait]
impl Controller for TtlController {
    fn name(&self) -> &str {
        "ttl-after-finished"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::own(gvr::<Job>())]
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let job = self.jobs.get(key);
        let Some((job, at)) = job.and_then(|job| Some((job.clone(), expires_at(&job)?))) else {
            return Ok(Outcome::Done);
        };
        if let Some(wait) = clock::until(cx.env.now(), at) {
            return Ok(Outcome::RequeueAfter(wait));
        }
        // The time may have been changed since the cache last heard of the Job: the version
        // that was looked at is the only one that may be deleted.
        let options = DeleteOptions {
            propagation: "Foreground".into(),
            resource_version: job.metadata.resource_version.clone(),
            ..DeleteOptions::uid(job.uid())
        };
        match self.api.delete(key, &options).await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(Outcome::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn only_a_finished_job_with_a_time_to_live_expires() {
        let job = |ttl: Value, condition: &str| -> Job {
            serde_json::from_value(json!({
                "metadata": {}, "spec": {"template": {}, "ttlSecondsAfterFinished": ttl},
                "status": {"conditions": [{"type": condition, "status": "True",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
            }))
            .unwrap()
        };
        let at = |text: &str| Some(text.parse().unwrap());
        assert_eq!(expires_at(&job(json!(60), "Complete")), at("2026-01-01T00:01:00Z"));
        assert_eq!(expires_at(&job(json!(0), "Failed")), at("2026-01-01T00:00:00Z"));
        assert_eq!(expires_at(&job(json!(null), "Complete")), None);
        assert_eq!(expires_at(&job(json!(60), "Suspended")), None);
    }
}
