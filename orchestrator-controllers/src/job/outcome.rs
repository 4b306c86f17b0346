//! Whether a Job is to end, and how.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::api::core::v1::Pod;

use super::indexes::Indexes;
use super::pod::is_indexed;
use super::retries::{self, Failures};
use super::tally::Tally;
use crate::clock;
use crate::workload::pods::phase;

/// The first wait after a failed pod; doubled for each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
/// The longest wait.
const LAST_BACKOFF: Duration = Duration::from_secs(600);

/// How a Job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub success: bool,
    pub reason: String,
    pub message: String,
}

impl End {
    fn failure(reason: &str, message: impl Into<String>) -> Self {
        Self { success: false, reason: reason.into(), message: message.into() }
    }

    fn success(reason: &str, message: impl Into<String>) -> Self {
        Self { success: true, reason: reason.into(), message: message.into() }
    }

    /// The condition that says that the Job will end like this, once its pods are gone.
    pub(super) fn interim(&self) -> &'static str {
        if self.success { "SuccessCriteriaMet" } else { "FailureTarget" }
    }

    /// The condition that says that it has.
    pub(super) fn last(&self) -> &'static str {
        if self.success { "Complete" } else { "Failed" }
    }
}

/// The condition of this type, where it holds.
pub(super) fn holds<'a>(job: &'a Job, r#type: &str) -> Option<&'a JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|condition| condition.type_ == r#type && condition.status == "True")
}

/// How a Job has ended.
pub(crate) fn finished(job: &Job) -> Option<&JobCondition> {
    holds(job, "Complete").or_else(|| holds(job, "Failed"))
}

/// Whether the Job is to end; an end once decided stands.
pub(super) fn end(job: &Job, tally: &Tally, now: Timestamp) -> Option<End> {
    if let Some(decided) = decided(job) {
        return Some(decided);
    }
    let spec = job.spec.as_ref()?;
    let limit = spec.backoff_limit.unwrap_or(6);
    if let Some(why) = &tally.fatal {
        return Some(End::failure("PodFailurePolicy", why));
    }
    if tally.failed > limit || restarts_exceed(job, &tally.active, limit) {
        let message = "Job has reached the specified backoff limit";
        return Some(End::failure("BackoffLimitExceeded", message));
    }
    if until_deadline(job, now) == Some(None) {
        let message = "Job was active longer than specified deadline";
        return Some(End::failure("DeadlineExceeded", message));
    }
    success_policy(job, &tally.completed)
        .or_else(|| failed_indexes(job, tally))
        .or_else(|| completion(job, tally))
}

/// Whether too many indexes have failed, or all that have not succeeded.
fn failed_indexes(job: &Job, tally: &Tally) -> Option<End> {
    let spec = job.spec.as_ref()?;
    let failed = tally.failed_indexes.len();
    if failed == 0 || retries::limit(job).is_none() {
        return None;
    }
    if spec.max_failed_indexes.is_some_and(|most| failed > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(End::failure("MaxFailedIndexesExceeded", message));
    }
    let all = failed + tally.succeeded >= spec.completions.unwrap_or(0);
    all.then(|| End::failure("FailedIndexes", "Job has failed indexes"))
}

fn decided(job: &Job) -> Option<End> {
    let end = |condition: &JobCondition, success| End {
        success,
        reason: condition.reason.clone().unwrap_or_default(),
        message: condition.message.clone().unwrap_or_default(),
    };
    let failure = holds(job, "FailureTarget").map(|condition| end(condition, false));
    failure.or_else(|| holds(job, "SuccessCriteriaMet").map(|condition| end(condition, true)))
}

fn completion(job: &Job, tally: &Tally) -> Option<End> {
    let completions = job.spec.as_ref().and_then(|spec| spec.completions);
    let complete = match completions {
        Some(completions) => tally.succeeded >= completions,
        // Any success will do, but those that still run are waited for.
        None => tally.succeeded > 0 && tally.active.is_empty(),
    };
    let message = "Reached expected number of succeeded pods";
    complete.then(|| End::success("CompletionsReached", message))
}

fn success_policy(job: &Job, completed: &Indexes) -> Option<End> {
    let spec = job.spec.as_ref().filter(|_| is_indexed(job))?;
    let completions = spec.completions.unwrap_or(0);
    for (index, rule) in spec.success_policy.as_ref()?.rules.iter().enumerate() {
        let wanted = rule.succeeded_indexes.as_deref();
        let wanted = wanted.map(|text| Indexes::parse(text, completions));
        let done = wanted.as_ref().map_or(completed.len(), |wanted| completed.common(wanted));
        let needed = rule.succeeded_count.or_else(|| wanted.as_ref().map(Indexes::len))?;
        if done >= needed {
            return Some(End::success("SuccessPolicy", format!("Matched rules at index {index}")));
        }
    }
    None
}

/// Whether containers that are restarted in place were restarted too often.
fn restarts_exceed(job: &Job, active: &[Arc<Pod>], limit: i32) -> bool {
    let template = job.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    if template.and_then(|spec| spec.restart_policy.as_deref()) != Some("OnFailure") {
        return false;
    }
    let restarts = |pod: &Arc<Pod>| -> i32 {
        let Some(status) = &pod.status else { return 0 };
        let all = status.init_container_statuses.iter().chain(&status.container_statuses);
        all.flatten().map(|container| container.restart_count).sum()
    };
    let running = active.iter().filter(|pod| matches!(phase(pod), "Running" | "Pending"));
    let total: i32 = running.map(restarts).sum();
    if limit == 0 { total > 0 } else { total >= limit }
}

/// How long the Job may still be active: `None` without a deadline, `Some(None)` after it.
#[allow(clippy::option_option)]
pub(super) fn until_deadline(job: &Job, now: Timestamp) -> Option<Option<Duration>> {
    let spec = job.spec.as_ref().filter(|spec| spec.suspend != Some(true))?;
    let start = job.status.as_ref()?.start_time.as_ref()?;
    Some(clock::until(now, clock::plus(start, spec.active_deadline_seconds?)))
}

/// How long new pods have to wait because of those that failed since the last success.
pub(super) fn backoff(pods: &[Arc<Pod>], now: Timestamp) -> Option<Duration> {
    let times = |wanted: &'static str| pods.iter().filter(move |pod| phase(pod) == wanted);
    let success = times("Succeeded").filter_map(|pod| ended_at(pod)).max();
    let failures: Vec<Timestamp> = times("Failed")
        .filter_map(|pod| ended_at(pod))
        .filter(|at| success.is_none_or(|success| *at > success))
        .collect();
    let last = failures.iter().max()?;
    let doublings = u32::try_from(failures.len() - 1).unwrap_or(u32::MAX);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    let wait = FIRST_BACKOFF.saturating_mul(factor).min(LAST_BACKOFF);
    clock::until(now, last.checked_add(wait).unwrap_or(Timestamp::MAX))
}

/// How long the replacement of the failed pod of an index has to wait.
pub(super) fn index_backoff(pod: &Pod, now: Timestamp) -> Option<Duration> {
    let before = Failures::of(pod);
    let doublings = u32::try_from(before.counted.saturating_add(before.ignored)).unwrap_or(0);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    let wait = FIRST_BACKOFF.saturating_mul(factor).min(LAST_BACKOFF);
    clock::until(now, ended_at(pod)?.checked_add(wait).unwrap_or(Timestamp::MAX))
}

/// When the last container of a pod ended; else when it was deleted, or changed its readiness.
fn ended_at(pod: &Pod) -> Option<Timestamp> {
    let status = pod.status.as_ref()?;
    let containers = status.container_statuses.iter().flatten();
    let last = containers
        .filter_map(|c| c.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref())
        .map(|time| time.0)
        .max();
    let ready = || {
        let ready = crate::workload::pods::condition(pod, "Ready")?;
        ready.last_transition_time.as_ref().map(|time| time.0)
    };
    let deleted = || pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let made = || pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    last.or_else(ready).or_else(deleted).or_else(made)
}

#[cfg(test)]
mod tests {
    use super::super::tally::tally;
    use super::super::tests::{job, pod};
    use super::*;
    use serde_json::{Value, json};

    fn reason(spec: Value, pods: &[Arc<Pod>], now: &str) -> String {
        let job = job(spec);
        let end = end(&job, &tally(&job, pods), now.parse().unwrap());
        end.map(|end| format!("{} {}", end.last(), end.reason)).unwrap_or_default()
    }

    #[test]
    fn a_job_ends_by_completions_failures_deadline_or_policy() {
        let start = "2026-01-01T00:00:00Z";
        let done = |count: usize| -> Vec<_> {
            (0..count).map(|i| pod(&format!("s{i}"), "Succeeded", Some(i as i32))).collect()
        };
        let failed = |count: usize| -> Vec<_> {
            (0..count).map(|i| pod(&format!("f{i}"), "Failed", None)).collect()
        };
        let policy = json!({"completionMode": "Indexed", "completions": 5,
            "successPolicy": {"rules": [{"succeededIndexes": "0-2", "succeededCount": 2}]}});
        let cases = [
            (json!({"completions": 2}), done(1), start, ""),
            (json!({"completions": 2}), done(2), start, "Complete CompletionsReached"),
            (json!({"completions": null}), done(1), start, "Complete CompletionsReached"),
            (json!({"backoffLimit": 1}), failed(1), start, ""),
            (json!({"backoffLimit": 1}), failed(2), start, "Failed BackoffLimitExceeded"),
            (json!({"activeDeadlineSeconds": 5}), vec![], "2026-01-01T00:00:04Z", ""),
            (
                json!({"activeDeadlineSeconds": 5}),
                vec![],
                "2026-01-01T00:00:05Z",
                "Failed DeadlineExceeded",
            ),
            (policy.clone(), done(1), start, ""),
            (policy, done(2), start, "Complete SuccessPolicy"),
            (json!({"completions": 0}), vec![], start, "Complete CompletionsReached"),
        ];
        for (spec, pods, now, want) in cases {
            assert_eq!(reason(spec.clone(), &pods, now), want, "{spec}");
        }
    }

    #[test]
    fn indexes_may_fail_one_by_one() {
        let now = "2026-01-01T00:00:00Z";
        let spec = |most: Value| {
            json!({"completionMode": "Indexed", "completions": 3,
            "backoffLimitPerIndex": 0, "maxFailedIndexes": most})
        };
        let one = [pod("a", "Failed", Some(0))];
        assert_eq!(reason(spec(json!(null)), &one, now), "");
        assert_eq!(reason(spec(json!(0)), &one, now), "Failed MaxFailedIndexesExceeded");
        let all = [
            pod("a", "Failed", Some(0)),
            pod("b", "Succeeded", Some(1)),
            pod("c", "Succeeded", Some(2)),
        ];
        assert_eq!(reason(spec(json!(null)), &all, now), "Failed FailedIndexes");
    }

    #[test]
    fn failures_since_the_last_success_double_the_wait() {
        let ended = |name: &str, phase: &str, at: &str| {
            let mut pod = Pod::clone(&pod(name, phase, None));
            let state = json!([{"name": "c", "image": "", "imageID": "", "ready": false,
                "restartCount": 0, "state": {"terminated": {"exitCode": 1, "finishedAt": at}}}]);
            pod.status.as_mut().unwrap().container_statuses =
                serde_json::from_value(state).unwrap();
            Arc::new(pod)
        };
        let wait = |pods: &[Arc<Pod>], now: &str| {
            backoff(pods, now.parse().unwrap()).map(|wait| wait.as_secs())
        };
        let mut pods = vec![ended("a", "Failed", "2026-01-01T00:00:00Z")];
        assert_eq!(wait(&pods, "2026-01-01T00:00:04Z"), Some(6));
        assert_eq!(wait(&pods, "2026-01-01T00:00:10Z"), None);
        pods.push(ended("b", "Failed", "2026-01-01T00:00:20Z"));
        assert_eq!(wait(&pods, "2026-01-01T00:00:20Z"), Some(20));
        pods.push(ended("c", "Succeeded", "2026-01-01T00:00:30Z"));
        assert_eq!(wait(&pods, "2026-01-01T00:00:30Z"), None);
    }
}
