//! What a CronJob does now: start, wait, replace, forget.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::KindExt;

use super::schedule::{Due, Schedule};
use crate::clock;
use crate::job::outcome::finished;

/// The annotation of a Job with the time that it was meant to start.
const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// What to do about a start time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing is due.
    Wait,
    /// It is too late for the start time that was due.
    Missed(Timestamp),
    /// The start time is due, but the Job before it runs.
    Busy,
    /// Start a Job for this time; delete those that run where they are to be replaced.
    Start { at: Timestamp, replace: bool },
}

/// What to do, with `active` Jobs running.
pub(super) fn step(cron: &CronJob, due: &Due, active: usize, now: Timestamp) -> Step {
    let spec = cron.spec.clone();
    let Some(at) = due.missed else { return Step::Wait };
    let late = spec
        .starting_deadline_seconds
        .is_some_and(|deadline| now.duration_since(at) > SignedDuration::from_secs(deadline));
    match spec.concurrency_policy.as_deref() {
        _ if late => Step::Missed(at),
        Some("Forbid") if active > 0 => Step::Busy,
        policy => Step::Start { at, replace: policy == Some("Replace") },
    }
}

/// The last time that a Job started, or the earliest that the first could.
pub(super) fn since(cron: &CronJob, now: Timestamp) -> Timestamp {
    let last = cron.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
    let since = last.or(cron.metadata.creation_timestamp.as_ref()).map_or(now, |time| time.0);
    let deadline = cron.spec.starting_deadline_seconds;
    let earliest = deadline.and_then(|s| now.checked_sub(SignedDuration::from_secs(s)).ok());
    earliest.map_or(since, |earliest| since.max(earliest))
}

/// The Job for a start time; its name follows from the time, so that there is one for each.
pub(super) fn make(cron: &CronJob, schedule: &Schedule, at: Timestamp) -> Job {
    let template = cron.spec.job_template.clone();
    let given = template.metadata.unwrap_or_default();
    let mut annotations = given.annotations.unwrap_or_default();
    annotations.insert(SCHEDULED_AT.into(), schedule.text(at));
    Job {
        metadata: ObjectMeta {
            namespace: cron.metadata.namespace.clone(),
            name: Some(format!("{}-{}", cron.name(), at.as_second() / 60)),
            labels: given.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![cron.controller_reference()]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}

/// The finished Jobs beyond the history limits, oldest first.
pub(super) fn surplus(cron: &CronJob, jobs: &[Arc<Job>]) -> Vec<Arc<Job>> {
    let spec = cron.spec.clone();
    let limits = [
        ("Complete", spec.successful_jobs_history_limit),
        ("Failed", spec.failed_jobs_history_limit),
    ];
    let mut all = Vec::new();
    for (r#type, limit) in limits {
        let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else { continue };
        let mut ended: Vec<_> = jobs
            .iter()
            .filter(|job| finished(job).is_some_and(|condition| condition.type_ == r#type))
            .cloned()
            .collect();
        ended.sort_by_key(|job| {
            let started = job.status.as_ref().and_then(|status| status.start_time.clone());
            (started, job.metadata.name.clone())
        });
        ended.truncate(ended.len().saturating_sub(limit));
        all.extend(ended);
    }
    all
}

/// How long to wait for the next start time.
pub(super) fn wait(due: &Due, now: Timestamp) -> Option<std::time::Duration> {
    clock::until(now, due.next?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn cron(spec: Value) -> CronJob {
        let mut given = json!({"schedule": "* * * * *", "jobTemplate": {"metadata": {"labels": {"x": "y"}},
            "spec": {"template": {}}}, "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 0});
        given.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let metadata =
            json!({"namespace": "n", "name": "c", "creationTimestamp": "2026-01-01T00:00:00Z"});
        serde_json::from_value(json!({"metadata": metadata, "spec": given})).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_start_time_is_used_missed_or_waits_by_policy() {
        let (due_at, now) = (at("2026-01-01T00:01:00Z"), at("2026-01-01T00:01:30Z"));
        let due = Due { missed: Some(due_at), too_many: false, next: None };
        let start = |replace| Step::Start { at: due_at, replace };
        let cases = [
            (json!({}), 1, start(false)),
            (json!({"concurrencyPolicy": "Forbid"}), 1, Step::Busy),
            (json!({"concurrencyPolicy": "Forbid"}), 0, start(false)),
            (json!({"concurrencyPolicy": "Replace"}), 1, start(true)),
            (json!({"startingDeadlineSeconds": 30}), 0, start(false)),
            (json!({"startingDeadlineSeconds": 29}), 0, Step::Missed(due_at)),
        ];
        for (spec, active, want) in cases {
            assert_eq!(step(&cron(spec.clone()), &due, active, now), want, "{spec}");
        }
        let nothing = Due { missed: None, ..due };
        assert_eq!(step(&cron(json!({})), &nothing, 0, now), Step::Wait);
    }

    #[test]
    fn a_job_is_named_after_its_start_time() {
        let schedule = Schedule::parse("* * * * *", None).unwrap();
        let job = make(&cron(json!({})), &schedule, at("2026-01-01T00:01:00Z"));
        assert_eq!(job.name(), "c-29453761");
        assert_eq!(job.annotation(SCHEDULED_AT), Some("2026-01-01T00:01:00Z"));
        assert_eq!(job.label("x"), Some("y"));
        let late = at("2026-01-05T00:00:00Z");
        assert_eq!(since(&cron(json!({})), late), at("2026-01-01T00:00:00Z"));
        let limited = cron(json!({"startingDeadlineSeconds": 60}));
        assert_eq!(since(&limited, late), at("2026-01-04T23:59:00Z"));
    }

    #[test]
    fn the_oldest_finished_jobs_beyond_the_limits_go() {
        let job = |name: &str, r#type: &str, start: &str| -> Arc<Job> {
            let conditions = json!([{"type": r#type, "status": "True"}]);
            let status = json!({"startTime": start, "conditions": conditions});
            let job = json!({"metadata": {"name": name}, "status": status});
            Arc::new(serde_json::from_value(job).unwrap())
        };
        let jobs = [
            job("new", "Complete", "2026-01-02T00:00:00Z"),
            job("old", "Complete", "2026-01-01T00:00:00Z"),
            job("bad", "Failed", "2026-01-03T00:00:00Z"),
            job("runs", "Suspended", "2026-01-01T00:00:00Z"),
        ];
        let surplus = surplus(&cron(json!({})), &jobs);
        let names: Vec<_> = surplus.iter().map(|job| job.name().to_owned()).collect();
        assert_eq!(names, ["old", "bad"]);
    }
}
