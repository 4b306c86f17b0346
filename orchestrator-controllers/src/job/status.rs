//! The status of a Job.

use k8s_openapi::api::batch::v1::{Job, JobCondition, JobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::outcome::End;
use super::pod::is_indexed;
use super::retries;
use super::tally::{Tally, number};

/// What has happened that people want to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    Suspended,
    Resumed,
    Ended(End),
}

/// How many active pods there are after this round: those that stay and those just made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Round {
    pub created: usize,
    pub deleted: usize,
}

/// The status of `job` after a round, and what is new about it.
pub(super) fn status(
    job: &Job,
    tally: &Tally,
    end: Option<&End>,
    round: Round,
    now: &Time,
) -> (JobStatus, Vec<News>) {
    let before = job.status.clone().unwrap_or_default();
    let mut conditions = before.conditions.unwrap_or_default();
    let mut news = Vec::new();
    let suspended = job.spec.as_ref().is_some_and(|spec| spec.suspend == Some(true));
    let mut start_time = before.start_time;
    match end {
        None => {
            news.extend(suspend(&mut conditions, suspended, now));
            let resumed = news.contains(&News::Resumed);
            start_time = match suspended {
                true => None,
                false => start_time.filter(|_| !resumed).or_else(|| Some(now.clone())),
            };
        }
        Some(end) => {
            set(&mut conditions, end.interim(), "True", &end.reason, &end.message, now);
            if is_over(tally, round) {
                set(&mut conditions, end.last(), "True", &end.reason, &end.message, now);
                news.push(News::Ended(end.clone()));
            }
        }
    }
    let complete = news.iter().any(|news| matches!(news, News::Ended(end) if end.success));
    let active = number((tally.active.len() + round.created).saturating_sub(round.deleted));
    let shown = |count: i32| Some(count).filter(|count| *count != 0);
    let completed = tally.completed.to_string();
    let status = JobStatus {
        active: shown(active),
        ready: Some(tally.ready),
        terminating: Some(tally.terminating),
        succeeded: shown(tally.counters.succeeded),
        failed: shown(tally.counters.failed),
        start_time: start_time.or_else(|| end.map(|_| now.clone())),
        completion_time: before.completion_time.or_else(|| complete.then(|| now.clone())),
        completed_indexes: Some(completed).filter(|text| is_indexed(job) && !text.is_empty()),
        failed_indexes: retries::limit(job).map(|_| tally.failed_indexes.to_string()),
        uncounted_terminated_pods: Some(tally.counters.uncounted()),
        conditions: Some(conditions).filter(|conditions| !conditions.is_empty()),
    };
    (status, news)
}

/// Whether nothing of the Job runs and every ended pod is counted.
fn is_over(tally: &Tally, round: Round) -> bool {
    tally.active.is_empty()
        && round == Round::default()
        && tally.terminating == 0
        && tally.release.is_empty()
        && tally.counters.is_settled()
}

fn suspend(conditions: &mut Vec<JobCondition>, suspended: bool, now: &Time) -> Option<News> {
    let stands = conditions.iter().any(|c| c.type_ == "Suspended" && c.status == "True");
    match (suspended, stands) {
        (true, false) => {
            set(conditions, "Suspended", "True", "JobSuspended", "Job suspended", now);
            Some(News::Suspended)
        }
        (false, true) => {
            set(conditions, "Suspended", "False", "JobResumed", "Job resumed", now);
            Some(News::Resumed)
        }
        _ => None,
    }
}

/// Sets a condition in place, or adds it; one that says the same stays as it is.
fn set(
    conditions: &mut Vec<JobCondition>,
    r#type: &str,
    status: &str,
    reason: &str,
    message: &str,
    now: &Time,
) {
    let wanted = JobCondition {
        type_: r#type.into(),
        status: status.into(),
        reason: Some(reason.into()),
        message: Some(message.into()),
        last_probe_time: Some(now.clone()),
        last_transition_time: Some(now.clone()),
    };
    match conditions.iter_mut().find(|condition| condition.type_ == r#type) {
        Some(present) if present.status == status => {}
        Some(present) => *present = wanted,
        None => conditions.push(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::end;
    use super::super::tally::tally;
    use super::super::tests::{job, pod};
    use super::*;
    use crate::clock::tests::at;
    use orchestrator_client::KindExt;
    use serde_json::json;
    use std::sync::Arc;

    fn look(job: &mut Job, pods: &[Arc<k8s_openapi::api::core::v1::Pod>]) -> (String, Vec<News>) {
        let tally = tally(job, pods);
        let now = at("2026-01-01T00:00:10Z");
        let end = end(job, &tally, now.0);
        let (status, news) = status(job, &tally, end.as_ref(), Round::default(), &now);
        let conditions = status.conditions.iter().flatten();
        let words: Vec<_> = conditions.map(|c| format!("{}={}", c.type_, c.status)).collect();
        job.status = Some(status);
        (words.join(" "), news)
    }

    #[test]
    fn a_job_is_complete_when_its_pods_are_counted() {
        let mut job = job(json!({}));
        let done = pod("a", "Succeeded", None);
        assert_eq!(look(&mut job, std::slice::from_ref(&done)).0, "SuccessCriteriaMet=True");
        let mut counted = k8s_openapi::api::core::v1::Pod::clone(&done);
        counted.metadata.finalizers = None;
        let (conditions, news) = look(&mut job, &[Arc::new(counted)]);
        assert_eq!(conditions, "SuccessCriteriaMet=True Complete=True");
        assert!(matches!(&news[..], [News::Ended(end)] if end.reason == "CompletionsReached"));
        let status = job.status.clone().unwrap();
        assert_eq!((status.succeeded, status.active), (Some(1), None));
        assert!(status.completion_time.is_some());
        assert_eq!(job.name(), "job");
    }

    #[test]
    fn suspension_stops_the_clock_and_resumption_starts_it_anew() {
        let mut job = job(json!({"suspend": true}));
        let (conditions, news) = look(&mut job, &[]);
        assert_eq!((conditions.as_str(), news), ("Suspended=True", vec![News::Suspended]));
        assert_eq!(job.status.as_ref().unwrap().start_time, None);
        assert_eq!(look(&mut job, &[]).1, vec![]);
        job.spec.as_mut().unwrap().suspend = Some(false);
        let (conditions, news) = look(&mut job, &[]);
        assert_eq!((conditions.as_str(), news), ("Suspended=False", vec![News::Resumed]));
        assert_eq!(job.status.unwrap().start_time, Some(at("2026-01-01T00:00:10Z")));
    }
}
