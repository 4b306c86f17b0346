//! Which pods of a Job to make and which to delete.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;

use super::outcome::{backoff, index_backoff};
use super::pod::{index, is_indexed};
use super::retries;
use super::tally::{Tally, number, replaces_terminating};
use crate::clock;
use crate::workload::batch::BURST;
use crate::workload::pods::{is_ready, node};

/// The pods to make and to delete.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// The pods that are not needed; they are not counted as failed.
    pub delete: Vec<Arc<Pod>>,
    /// The pods to make, by index where they have one.
    pub create: Vec<Option<i32>>,
    /// How long to wait before pods may be made.
    pub wait: Option<std::time::Duration>,
}

/// What to do for a Job that goes on.
pub(super) fn plan(job: &Job, tally: &Tally, pods: &[Arc<Pod>], now: Timestamp) -> Plan {
    let spec = job.spec.clone().unwrap_or_default();
    if spec.suspend == Some(true) {
        return Plan { delete: tally.active.clone(), ..Plan::default() };
    }
    let active = number(tally.active.len());
    let parallelism = spec.parallelism.unwrap_or(1).max(0);
    let wanted = match spec.completions {
        None if tally.succeeded > 0 => active.min(parallelism),
        None => parallelism,
        Some(completions) => parallelism.min(completions - tally.succeeded).max(0),
    };
    let mut delete = useless(job, tally);
    let excess = usize::try_from(active - wanted).unwrap_or(0);
    delete.extend(least_useful(tally, &delete, excess.saturating_sub(delete.len())));
    let kept = active - number(delete.len());
    let waiting = if replaces_terminating(job) { 0 } else { tally.terminating };
    let missing = usize::try_from(wanted - kept - waiting).unwrap_or(0).min(BURST);
    if !delete.is_empty() || missing == 0 {
        return Plan { delete, ..Plan::default() };
    }
    if retries::limit(job).is_some() {
        return retry_indexes(job, tally, missing, now);
    }
    if let Some(wait) = backoff(pods, now) {
        return Plan { wait: Some(wait), ..Plan::default() };
    }
    let create = match is_indexed(job) {
        false => vec![None; missing],
        true => free_indexes(job, tally).take(missing).map(Some).collect(),
    };
    Plan { create, ..Plan::default() }
}

/// The pods to make where each index waits for itself.
fn retry_indexes(job: &Job, tally: &Tally, missing: usize, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    for index in free_indexes(job, tally) {
        if plan.create.len() == missing {
            break;
        }
        match tally.waiting.get(&index).and_then(|pod| index_backoff(pod, now)) {
            Some(wait) => plan.wait = clock::sooner(plan.wait, Some(wait)),
            None => plan.create.push(Some(index)),
        }
    }
    plan
}

/// Active pods whose index is taken, done, or out of range.
fn useless(job: &Job, tally: &Tally) -> Vec<Arc<Pod>> {
    if !is_indexed(job) {
        return Vec::new();
    }
    let completions = job.spec.as_ref().and_then(|spec| spec.completions).unwrap_or(0);
    let mut seen = BTreeSet::new();
    let needed = |pod: &Arc<Pod>| {
        index(pod).is_some_and(|index| {
            index < completions && !is_done(tally, index) && seen.insert(index)
        })
    };
    let mut needed = needed;
    tally.active.iter().filter(|pod| !needed(pod)).cloned().collect()
}

/// Of the pods that are not deleted anyway, those that have come least far.
fn least_useful(tally: &Tally, deleted: &[Arc<Pod>], count: usize) -> Vec<Arc<Pod>> {
    let other = |pod: &&Arc<Pod>| !deleted.iter().any(|deleted| Arc::ptr_eq(deleted, pod));
    let mut pods: Vec<_> = tally.active.iter().filter(other).cloned().collect();
    pods.sort_by_key(|pod| {
        let made = pod.metadata.creation_timestamp.clone();
        (!node(pod).is_empty(), is_ready(pod), std::cmp::Reverse(made), pod.metadata.name.clone())
    });
    pods.truncate(count);
    pods
}

/// The indexes that no pod has and that are not done, from the lowest.
fn free_indexes(job: &Job, tally: &Tally) -> impl Iterator<Item = i32> {
    let completions = job.spec.as_ref().and_then(|spec| spec.completions).unwrap_or(0);
    let taken: BTreeSet<i32> = tally.active.iter().filter_map(|pod| index(pod)).collect();
    (0..completions).filter(move |index| !taken.contains(index) && !is_done(tally, *index))
}

/// Whether an index has succeeded, or failed for good.
fn is_done(tally: &Tally, index: i32) -> bool {
    tally.completed.contains(index) || tally.failed_indexes.contains(index)
}

#[cfg(test)]
mod tests {
    use super::super::tally::tally;
    use super::super::tests::{job, pod};
    use super::*;
    use orchestrator_client::KindExt;
    use serde_json::{Value, json};

    /// `+n` for each new pod, `+i0` with its index; `-name` for each deleted one.
    fn show(spec: Value, pods: &[Arc<Pod>]) -> String {
        let job = job(spec);
        let plan = plan(&job, &tally(&job, pods), pods, "2026-01-02T00:00:00Z".parse().unwrap());
        let made = plan.create.iter().map(|index| match index {
            Some(index) => format!("+i{index}"),
            None => "+".into(),
        });
        let gone = plan.delete.iter().map(|pod| format!("-{}", pod.name()));
        made.chain(gone).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn there_are_as_many_active_pods_as_work_is_left_and_parallelism_allows() {
        let running = |name: &str| pod(name, "Running", None);
        let done = |name: &str| pod(name, "Succeeded", None);
        let cases = [
            (json!({"completions": 5, "parallelism": 3}), vec![], "+ + +"),
            (json!({"completions": 5, "parallelism": 3}), vec![running("a"), done("b")], "+ +"),
            (json!({"completions": 2, "parallelism": 3}), vec![running("a"), done("b")], ""),
            (json!({"completions": 5, "parallelism": 1}), vec![running("a"), running("b")], "-a"),
            (json!({"completions": null, "parallelism": 2}), vec![running("a")], "+"),
            (json!({"completions": null, "parallelism": 2}), vec![done("a")], ""),
            (json!({"suspend": true}), vec![running("a")], "-a"),
            (json!({"suspend": true}), vec![], ""),
        ];
        for (spec, pods, want) in cases {
            assert_eq!(show(spec.clone(), &pods), want, "{spec}");
        }
    }

    #[test]
    fn an_index_that_has_failed_is_left_and_others_are_tried_again() {
        let spec = json!({"completionMode": "Indexed", "completions": 3, "parallelism": 3,
            "backoffLimitPerIndex": 1});
        let mut over = Pod::clone(&pod("a", "Failed", Some(0)));
        let count = "batch.kubernetes.io/job-index-failure-count";
        over.metadata.annotations.as_mut().unwrap().insert(count.into(), "1".into());
        let pods = [Arc::new(over), pod("b", "Failed", Some(1))];
        assert_eq!(show(spec, &pods), "+i1 +i2");
    }

    #[test]
    fn each_index_has_one_pod() {
        let spec = json!({"completionMode": "Indexed", "completions": 4, "parallelism": 4});
        let running = |name: &str, index| pod(name, "Running", Some(index));
        let pods = [pod("d", "Succeeded", Some(1)), running("a", 0)];
        assert_eq!(show(spec.clone(), &pods), "+i2 +i3");
        let twice = [running("a", 0), running("b", 0), running("c", 9)];
        assert_eq!(show(spec, &twice), "-b -c");
    }
}
