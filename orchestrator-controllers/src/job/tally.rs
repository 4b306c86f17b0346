//! Counting a Job's ended pods, each exactly once.
//!
//! A pod carries a finalizer until it is counted. An ended pod's uid first goes to the status, as
//! *uncounted*; then its finalizer is removed; and when the cache shows that it is gone, the uid
//! leaves the status and the number goes up. So a crash between any two steps neither loses nor
//! doubles a pod.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::batch::v1::{Job, JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::KindExt;

use super::indexes::Indexes;
use super::pod::{index, is_indexed, is_tracked};
use super::policy::{Meaning, judge};
use super::retries;
use crate::workload::pods::{is_active, is_ready, phase};

/// How many uids a status holds at most; more ended pods wait for the next round.
const UNCOUNTED_LIMIT: usize = 500;

/// The pods of a Job by what they mean for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Pods that run or will run.
    pub active: Vec<Arc<Pod>>,
    /// How many of them are ready.
    pub ready: i32,
    /// How many pods are on their way out but have not ended.
    pub terminating: i32,
    /// How many pods have succeeded so far, counted or not.
    pub succeeded: i32,
    /// How many pods have failed so far, counted or not.
    pub failed: i32,
    /// The indexes that have succeeded.
    pub completed: Indexes,
    /// The indexes that have failed for good.
    pub failed_indexes: Indexes,
    /// The failed pods that wait for their replacements, by index.
    pub waiting: BTreeMap<i32, Arc<Pod>>,
    /// Why a failed pod fails the whole Job.
    pub fatal: Option<String>,
    /// The counters as they go into the status.
    pub counters: Counters,
    /// Pods whose finalizer can go once the status is written.
    pub release: Vec<Arc<Pod>>,
}

/// What a status says about ended pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counters {
    pub succeeded: i32,
    pub failed: i32,
    pub uncounted_succeeded: BTreeSet<String>,
    pub uncounted_failed: BTreeSet<String>,
}

impl Counters {
    fn of(status: &JobStatus) -> Self {
        let uncounted = status.uncounted_terminated_pods.clone().unwrap_or_default();
        Self {
            succeeded: status.succeeded.unwrap_or(0),
            failed: status.failed.unwrap_or(0),
            uncounted_succeeded: uncounted.succeeded.into_iter().flatten().collect(),
            uncounted_failed: uncounted.failed.into_iter().flatten().collect(),
        }
    }

    /// Counts the pods that `tracked` does not know any more.
    fn settle(&mut self, tracked: &BTreeSet<&str>) {
        let before = self.uncounted_succeeded.len();
        self.uncounted_succeeded.retain(|uid| tracked.contains(uid.as_str()));
        self.succeeded += number(before - self.uncounted_succeeded.len());
        let before = self.uncounted_failed.len();
        self.uncounted_failed.retain(|uid| tracked.contains(uid.as_str()));
        self.failed += number(before - self.uncounted_failed.len());
    }

    fn knows(&self, uid: &str) -> bool {
        self.uncounted_succeeded.contains(uid) || self.uncounted_failed.contains(uid)
    }

    fn is_full(&self) -> bool {
        self.uncounted_succeeded.len() + self.uncounted_failed.len() >= UNCOUNTED_LIMIT
    }

    /// Whether every ended pod is counted.
    pub(super) fn is_settled(&self) -> bool {
        self.uncounted_succeeded.is_empty() && self.uncounted_failed.is_empty()
    }

    /// The uncounted pods as a status holds them.
    pub(super) fn uncounted(&self) -> UncountedTerminatedPods {
        let list = |uids: &BTreeSet<String>| {
            Some(uids.iter().cloned().collect::<Vec<_>>()).filter(|uids| !uids.is_empty())
        };
        UncountedTerminatedPods {
            succeeded: list(&self.uncounted_succeeded),
            failed: list(&self.uncounted_failed),
        }
    }
}

/// Sorts the pods of `job`.
pub(super) fn tally(job: &Job, pods: &[Arc<Pod>]) -> Tally {
    sort(job, pods, true)
}

/// Sorts the pods of a Job that is to end: nothing is tried again.
pub(super) fn last_tally(job: &Job, pods: &[Arc<Pod>]) -> Tally {
    sort(job, pods, false)
}

fn sort(job: &Job, pods: &[Arc<Pod>], goes_on: bool) -> Tally {
    let status = job.status.clone().unwrap_or_default();
    let completions = job.spec.as_ref().and_then(|spec| spec.completions).unwrap_or(0);
    let completed = status.completed_indexes.as_deref().unwrap_or_default();
    let mut tally = Tally {
        counters: Counters::of(&status),
        completed: Indexes::parse(completed, completions),
        failed_indexes: Indexes::parse(
            status.failed_indexes.as_deref().unwrap_or_default(),
            completions,
        ),
        ..Tally::default()
    };
    let failed = |pod: &&Arc<Pod>| is_tracked(pod) && has_failed(job, pod);
    for pod in pods.iter().filter(failed).filter(|pod| retries::fails_index(job, pod)) {
        index(pod).into_iter().for_each(|index| tally.failed_indexes.insert(index));
    }
    if goes_on {
        let done = tally.completed.union(&tally.failed_indexes);
        tally.waiting = retries::waiting(job, pods, &done, |pod| has_failed(job, pod));
    }
    let tracked: BTreeSet<&str> =
        pods.iter().filter(|pod| is_tracked(pod)).map(|pod| pod.uid()).collect();
    tally.counters.settle(&tracked);
    for pod in pods {
        if is_active(pod) {
            tally.ready += i32::from(is_ready(pod));
            tally.active.push(Arc::clone(pod));
        } else if is_tracked(pod) {
            tally.ended(job, pod, completions);
        }
        let ended = matches!(phase(pod), "Succeeded" | "Failed");
        tally.terminating += i32::from(pod.is_terminating() && !ended);
    }
    let Counters { succeeded, failed, uncounted_succeeded, uncounted_failed } = &tally.counters;
    tally.succeeded += succeeded + number(uncounted_succeeded.len());
    tally.failed += failed + number(uncounted_failed.len());
    if is_indexed(job) {
        tally.succeeded = tally.completed.len();
    }
    tally
}

impl Tally {
    /// Takes an ended pod that is not counted yet.
    fn ended(&mut self, job: &Job, pod: &Arc<Pod>, completions: i32) {
        let succeeded = phase(pod) == "Succeeded";
        if !succeeded && !has_failed(job, pod) {
            return;
        }
        if self.waiting.values().any(|waiting| waiting.uid() == pod.uid()) {
            self.failed += i32::from(judge(job, pod) != Meaning::Ignore);
            return;
        }
        let meaning = if phase(pod) == "Failed" { judge(job, pod) } else { Meaning::Count };
        if let Meaning::FailJob(why) = &meaning
            && self.fatal.is_none()
        {
            self.fatal = Some(why.clone());
        }
        let mut counts = succeeded || meaning != Meaning::Ignore;
        if succeeded && is_indexed(job) {
            // Only the first success of an index within range counts.
            let own = index(pod).filter(|index| *index < completions);
            counts = own.is_some_and(|index| !self.completed.contains(index));
            if let Some(index) = own {
                self.completed.insert(index);
            }
        }
        if counts && !self.counters.knows(pod.uid()) {
            if self.counters.is_full() {
                self.succeeded += i32::from(succeeded);
                self.failed += i32::from(!succeeded);
                return;
            }
            let list = match succeeded {
                true => &mut self.counters.uncounted_succeeded,
                false => &mut self.counters.uncounted_failed,
            };
            list.insert(pod.uid().to_owned());
        }
        self.release.push(Arc::clone(pod));
    }
}

/// Whether a pod that is not active any more has failed.
fn has_failed(job: &Job, pod: &Pod) -> bool {
    match phase(pod) {
        "Failed" => true,
        "Succeeded" => false,
        _ => pod.is_terminating() && replaces_terminating(job),
    }
}

/// Whether a pod on its way out counts as failed at once, so that it is replaced.
pub(super) fn replaces_terminating(job: &Job) -> bool {
    let spec = job.spec.as_ref();
    let policy = spec.and_then(|spec| spec.pod_replacement_policy.as_deref());
    let failure_policy = spec.is_some_and(|spec| spec.pod_failure_policy.is_some());
    policy != Some("Failed") && !failure_policy
}

pub(super) fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{job, pod};
    use super::*;
    use serde_json::json;

    #[test]
    fn an_ended_pod_goes_through_uncounted_to_counted_exactly_once() {
        let mut job = job(json!({}));
        let running = pod("a", "Running", None);
        let ended = pod("b", "Succeeded", None);
        let first = tally(&job, &[running.clone(), ended.clone()]);
        assert_eq!((first.active.len(), first.succeeded, first.release.len()), (1, 1, 1));
        assert_eq!(first.counters.uncounted().succeeded, Some(vec!["b".to_owned()]));

        job.status.get_or_insert_default().uncounted_terminated_pods =
            Some(first.counters.uncounted());
        let again = tally(&job, &[running.clone(), ended.clone()]);
        assert_eq!((again.succeeded, again.counters.succeeded), (1, 0));

        let mut released = Pod::clone(&ended);
        released.metadata.finalizers = None;
        let settled = tally(&job, &[running, Arc::new(released)]);
        assert_eq!((settled.succeeded, settled.counters.succeeded), (1, 1));
        assert!(settled.counters.is_settled() && settled.release.is_empty());
    }

    #[test]
    fn of_an_index_one_success_counts() {
        let job = job(json!({"completionMode": "Indexed", "completions": 3}));
        let pods = [
            pod("a", "Succeeded", Some(0)),
            pod("b", "Succeeded", Some(0)),
            pod("c", "Succeeded", Some(7)),
            pod("d", "Failed", Some(1)),
            pod("e", "Running", Some(2)),
        ];
        let tally = tally(&job, &pods);
        assert_eq!((tally.succeeded, tally.failed), (1, 1));
        assert_eq!(tally.completed.to_string(), "0");
        assert_eq!(tally.release.len(), 4);
    }

    #[test]
    fn a_pod_on_its_way_out_has_failed_unless_it_is_to_be_waited_for() {
        let mut going = Pod::clone(&pod("a", "Running", None));
        going.metadata.deletion_timestamp = Some(crate::clock::tests::at("2026-01-01T00:00:00Z"));
        let pods = [Arc::new(going)];
        let at_once = tally(&job(json!({})), &pods);
        assert_eq!((at_once.failed, at_once.terminating), (1, 1));
        let waiting = tally(&job(json!({"podReplacementPolicy": "Failed"})), &pods);
        assert_eq!((waiting.failed, waiting.terminating), (0, 1));
    }
}
