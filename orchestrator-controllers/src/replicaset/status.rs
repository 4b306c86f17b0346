//! The status of a ReplicaSet, from its pods.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_core::Status;

use super::Pods;
use crate::clock;
use crate::workload::pods::{available_at, is_available, is_ready};

const REPLICA_FAILURE: &str = "ReplicaFailure";

/// The status that `set` shall have; `failure` is why pods could not be made or deleted.
pub(super) fn status(
    set: &ReplicaSet,
    pods: &Pods,
    wanted: i32,
    failure: Option<&Status>,
    now: &Time,
) -> ReplicaSetStatus {
    let spec = set.spec.clone().unwrap_or_default();
    let template = spec.template.unwrap_or_default();
    let template_labels = template.metadata.and_then(|meta| meta.labels).unwrap_or_default();
    let min_ready = spec.min_ready_seconds.unwrap_or(0);
    let count =
        |test: &dyn Fn(&Pod) -> bool| number(pods.active.iter().filter(|p| test(p)).count());
    let labeled = |pod: &Pod| {
        let labels = pod.metadata.labels.as_ref();
        template_labels.iter().all(|(key, value)| labels.and_then(|l| l.get(key)) == Some(value))
    };
    let active = number(pods.active.len());
    let before = set.status.as_ref().and_then(|status| status.conditions.clone());
    let conditions = conditions(before.unwrap_or_default(), active, wanted, failure, now);
    ReplicaSetStatus {
        replicas: active,
        fully_labeled_replicas: shown(count(&labeled)),
        ready_replicas: shown(count(&is_ready)),
        available_replicas: shown(count(&|pod| is_available(pod, min_ready, now.0))),
        terminating_replicas: Some(number(pods.terminating.len())),
        observed_generation: set.metadata.generation,
        conditions: Some(conditions).filter(|conditions| !conditions.is_empty()),
    }
}

/// The condition stands as long as there is a failure; it keeps the time at which it began.
fn conditions(
    mut before: Vec<ReplicaSetCondition>,
    active: i32,
    wanted: i32,
    failure: Option<&Status>,
    now: &Time,
) -> Vec<ReplicaSetCondition> {
    let stands = before.iter().any(|condition| condition.type_ == REPLICA_FAILURE);
    match failure {
        Some(failure) if !stands => before.push(ReplicaSetCondition {
            type_: REPLICA_FAILURE.into(),
            status: "True".into(),
            reason: Some(if active < wanted { "FailedCreate" } else { "FailedDelete" }.into()),
            message: Some(failure.message.clone()),
            last_transition_time: Some(now.clone()),
        }),
        Some(_) => {}
        None => before.retain(|condition| condition.type_ != REPLICA_FAILURE),
    }
    before
}

/// Whether two statuses say the same; a missing number is zero.
pub(super) fn same(a: &ReplicaSetStatus, b: &ReplicaSetStatus) -> bool {
    let numbers = |status: &ReplicaSetStatus| {
        [
            Some(status.replicas),
            status.fully_labeled_replicas,
            status.ready_replicas,
            status.available_replicas,
        ]
        .map(Option::unwrap_or_default)
    };
    let some = |conditions: &Option<Vec<_>>| conditions.clone().unwrap_or_default();
    numbers(a) == numbers(b)
        && a.terminating_replicas == b.terminating_replicas
        && a.observed_generation == b.observed_generation
        && some(&a.conditions) == some(&b.conditions)
}

/// When the next ready pod will have been ready for long enough.
pub(super) fn next_available(
    pods: &[Arc<Pod>],
    min_ready: i32,
    now: Timestamp,
) -> Option<Duration> {
    let at = pods.iter().filter_map(|pod| available_at(pod, min_ready));
    at.filter_map(|at| clock::until(now, at)).min()
}

/// A zero is left out, as the API shows it.
fn shown(number: i32) -> Option<i32> {
    Some(number).filter(|number| *number != 0)
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(conditions: serde_json::Value) -> ReplicaSet {
        serde_json::from_value(json!({
            "metadata": {"name": "rs", "generation": 2},
            "spec": {"minReadySeconds": 10, "selector": {"matchLabels": {"a": "1"}},
                "template": {"metadata": {"labels": {"a": "1", "b": "2"}}}},
            "status": {"replicas": 0, "conditions": conditions},
        }))
        .unwrap()
    }

    fn pod(labels: serde_json::Value, ready_at: Option<&str>) -> Arc<Pod> {
        let ready = ready_at.map(|at| {
            json!([{"type": "Ready", "status": "True",
            "lastTransitionTime": at}])
        });
        let pod = json!({"metadata": {"labels": labels}, "status": {"conditions": ready}});
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    fn now() -> Time {
        Time("2026-01-01T00:00:20Z".parse().unwrap())
    }

    #[test]
    fn pods_are_counted_by_labels_readiness_and_age() {
        let all = json!({"a": "1", "b": "2"});
        let active = vec![
            pod(json!({"a": "1"}), None),
            pod(all.clone(), Some("2026-01-01T00:00:10Z")),
            pod(all.clone(), Some("2026-01-01T00:00:15Z")),
        ];
        let pods = Pods { active, terminating: vec![pod(all, None)] };
        let got = status(&set(json!(null)), &pods, 3, None, &now());
        let want = ReplicaSetStatus {
            replicas: 3,
            fully_labeled_replicas: Some(2),
            ready_replicas: Some(2),
            available_replicas: Some(1),
            terminating_replicas: Some(1),
            observed_generation: Some(2),
            conditions: None,
        };
        assert_eq!(got, want);
        let wait = next_available(&pods.active, 10, now().0);
        assert_eq!(wait, Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_failure_is_a_condition_while_it_lasts() {
        let pods = Pods { active: vec![], terminating: vec![] };
        let failure = Status::internal("no room");
        let failed = status(&set(json!(null)), &pods, 1, Some(&failure), &now());
        let condition = &failed.conditions.clone().unwrap()[0];
        assert_eq!(condition.reason.as_deref(), Some("FailedCreate"));
        let stands = json!([condition]);
        let later = Time("2027-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(
            status(&set(stands.clone()), &pods, 1, Some(&failure), &later).conditions,
            failed.conditions
        );
        assert_eq!(status(&set(stands), &pods, 1, None, &later).conditions, None);
        assert!(!same(&failed, &ReplicaSetStatus::default()));
    }
}
