//! Retries by index: a Job may give each index its own number of failures.
//!
//! How often an index has failed stands in an annotation of its pods. So the last failed pod of
//! an index stays, uncounted, until its replacement carries the number on, or the index has
//! failed for good.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::KindExt;

use super::indexes::Indexes;
use super::pod::{index, is_indexed, is_tracked};
use super::policy::{Meaning, judge};
use crate::workload::pods::{is_active, phase};

/// The annotation with the failures of a pod's index before the pod.
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// The annotation with those that do not count.
const IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

/// How often an index has failed before a pod of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Failures {
    pub counted: i32,
    pub ignored: i32,
}

/// How many failures an index may have; `None` where the Job counts them all together.
pub(super) fn limit(job: &Job) -> Option<i32> {
    job.spec.as_ref().filter(|_| is_indexed(job))?.backoff_limit_per_index
}

impl Failures {
    /// What a pod says.
    pub(super) fn of(pod: &Pod) -> Self {
        let number = |name: &str| pod.annotation(name).and_then(|text| text.parse().ok());
        let number = |name| number(name).filter(|number| *number >= 0).unwrap_or(0);
        Self { counted: number(FAILURES), ignored: number(IGNORED) }
    }

    /// What the replacement of a failed pod says.
    pub(super) fn after(job: &Job, pod: &Pod) -> Self {
        let Self { counted, ignored } = Self::of(pod);
        match judge(job, pod) {
            Meaning::Ignore => Self { counted, ignored: ignored.saturating_add(1) },
            _ => Self { counted: counted.saturating_add(1), ignored },
        }
    }

    fn all(self) -> i32 {
        self.counted.saturating_add(self.ignored)
    }

    /// Writes the numbers on a new pod.
    pub(super) fn annotate(self, pod: &mut Pod) {
        let annotations = pod.metadata.annotations.get_or_insert_default();
        annotations.insert(FAILURES.into(), self.counted.to_string());
        if self.ignored > 0 {
            annotations.insert(IGNORED.into(), self.ignored.to_string());
        }
    }
}

/// Whether the failure of a pod is the last that its index may have.
pub(super) fn fails_index(job: &Job, pod: &Pod) -> bool {
    match (limit(job), judge(job, pod)) {
        (None, _) | (_, Meaning::Ignore) => false,
        (_, Meaning::FailIndex) => true,
        (Some(limit), _) => Failures::of(pod).counted >= limit,
    }
}

/// The last failed pod of each index that is to be tried again and has no pod now. `failed` says
/// whether a pod has.
pub(super) fn waiting(
    job: &Job,
    pods: &[Arc<Pod>],
    done: &Indexes,
    failed: impl Fn(&Pod) -> bool,
) -> BTreeMap<i32, Arc<Pod>> {
    let mut last = BTreeMap::<i32, Arc<Pod>>::new();
    if limit(job).is_none() {
        return last;
    }
    for pod in pods.iter().filter(|pod| is_tracked(pod) && failed(pod)) {
        let Some(index) = index(pod).filter(|index| !done.contains(*index)) else { continue };
        let newer = last
            .get(&index)
            .is_none_or(|known| Failures::of(known).all() <= Failures::of(pod).all());
        if newer {
            last.insert(index, Arc::clone(pod));
        }
    }
    for pod in pods.iter().filter(|pod| is_active(pod) || phase(pod) == "Succeeded") {
        index(pod).and_then(|index| last.remove(&index));
    }
    last
}

#[cfg(test)]
mod tests {
    use super::super::tests::{job, pod};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn failed(name: &str, index: i32, failures: i32) -> Arc<Pod> {
        let mut pod = Pod::clone(&pod(name, "Failed", Some(index)));
        Failures { counted: failures, ignored: 0 }.annotate(&mut pod);
        Arc::new(pod)
    }

    fn per_index(limit: i32) -> Job {
        job(json!({"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": limit}))
    }

    #[test]
    fn an_index_fails_with_the_failure_beyond_its_limit() {
        assert!(!fails_index(&per_index(1), &failed("a", 0, 0)));
        assert!(fails_index(&per_index(1), &failed("a", 0, 1)));
        assert!(fails_index(&per_index(0), &failed("a", 0, 0)));
        assert!(!fails_index(&job(json!({})), &failed("a", 0, 9)));
    }

    #[test]
    fn the_last_failure_of_an_index_waits_for_its_replacement() {
        let names = |pods: &[Arc<Pod>]| {
            let has_failed = |pod: &Pod| phase(pod) == "Failed";
            let waiting = waiting(&per_index(5), pods, &Indexes::default(), has_failed);
            waiting.values().map(|pod| pod.name().to_owned()).collect::<Vec<_>>()
        };
        let two = [failed("a", 0, 0), failed("b", 0, 1), failed("c", 1, 0)];
        assert_eq!(names(&two), ["b", "c"]);
        let replaced = [failed("a", 0, 0), pod("b", "Running", Some(0))];
        assert!(names(&replaced).is_empty());
    }

    proptest! {
        #[test]
        fn numbers_survive_being_written(counted in 0..i32::MAX, ignored in 0..i32::MAX) {
            let failures = Failures { counted, ignored };
            let mut pod = Pod::default();
            failures.annotate(&mut pod);
            prop_assert_eq!(Failures::of(&pod), failures);
        }
    }
}
