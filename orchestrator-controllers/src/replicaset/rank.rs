//! Which pods go first when a ReplicaSet shrinks.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_client::KindExt;

use crate::workload::pods::{is_ready, node, phase, ready_since, restarts};

/// The annotation by which a pod tells how much it would be missed.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The `count` pods that are missed least; `related` are the pods of all sets of the same owner,
/// which tell where pods are doubled up.
pub(super) fn victims(
    mut pods: Vec<Arc<Pod>>,
    related: &[Arc<Pod>],
    count: usize,
    now: Timestamp,
) -> Vec<Arc<Pod>> {
    if count < pods.len() {
        let mut per_node = BTreeMap::<&str, usize>::new();
        for pod in related {
            *per_node.entry(node(pod)).or_default() += 1;
        }
        let doubled = |pod: &Pod| per_node.get(node(pod)).copied().unwrap_or_default();
        pods.sort_by(|a, b| compare(a, b, doubled(a).cmp(&doubled(b)), now));
        pods.truncate(count);
    }
    pods
}

/// The order of deletion: `Less` goes first. `doubled` compares how many related pods share the
/// two pods' nodes.
fn compare(a: &Pod, b: &Pod, doubled: Ordering, now: Timestamp) -> Ordering {
    let assigned = |pod: &Pod| !node(pod).is_empty();
    let by_state = assigned(a)
        .cmp(&assigned(b))
        .then_with(|| progress(a).cmp(&progress(b)))
        .then_with(|| is_ready(a).cmp(&is_ready(b)))
        .then_with(|| cost(a).cmp(&cost(b)))
        .then_with(|| doubled.reverse());
    let by_age = || {
        let since = (is_ready(a) && is_ready(b)).then(|| (ready_since(a), ready_since(b)));
        since
            .map_or(Ordering::Equal, |(a_since, b_since)| younger(a_since, b_since, a, b, now))
            .then_with(|| restarts(b).cmp(&restarts(a)))
            .then_with(|| {
                let made = |pod: &Pod| pod.metadata.creation_timestamp.clone();
                younger(made(a).as_ref(), made(b).as_ref(), a, b, now)
            })
    };
    by_state.then_with(by_age)
}

fn progress(pod: &Pod) -> u8 {
    match phase(pod) {
        "Running" => 2,
        "Unknown" => 1,
        _ => 0,
    }
}

fn cost(pod: &Pod) -> i32 {
    pod.annotation(DELETION_COST).and_then(|cost| cost.parse().ok()).unwrap_or(0)
}

/// The younger goes first, where ages count by orders of magnitude; in the same one the uid
/// decides, which spreads deletions over generations of pods.
fn younger(
    a_time: Option<&Time>,
    b_time: Option<&Time>,
    a: &Pod,
    b: &Pod,
    now: Timestamp,
) -> Ordering {
    if a_time == b_time {
        return Ordering::Equal;
    }
    let (Some(a_time), Some(b_time)) = (a_time, b_time) else {
        // Who does not tell counts as youngest.
        return a_time.is_some().cmp(&b_time.is_some());
    };
    let magnitude = |time: &Time| {
        let age_ns = now.duration_since(time.0).as_nanos();
        u128::try_from(age_ns).ok().and_then(u128::checked_ilog2).map_or(-1, i64::from)
    };
    magnitude(a_time).cmp(&magnitude(b_time)).then_with(|| a.uid().cmp(b.uid()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(uid: &str, node: &str, phase: &str, ready_at: Option<&str>, extra: Value) -> Arc<Pod> {
        let conditions = ready_at
            .map(|at| json!([{"type": "Ready", "status": "True", "lastTransitionTime": at}]));
        let mut pod = json!({
            "metadata": {"name": uid, "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": node, "containers": []},
            "status": {"phase": phase, "conditions": conditions},
        });
        if let Some(cost) = extra.get("cost") {
            pod["metadata"]["annotations"] = json!({DELETION_COST: cost});
        }
        if let Some(restarts) = extra.get("restarts") {
            pod["status"]["containerStatuses"] = json!([{"name": "c", "image": "", "imageID": "",
                "ready": true, "restartCount": restarts}]);
        }
        if let Some(made) = extra.get("made") {
            pod["metadata"]["creationTimestamp"] = made.clone();
        }
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    fn order(pods: Vec<Arc<Pod>>) -> Vec<String> {
        let now = "2026-01-02T00:00:00Z".parse().unwrap();
        let related = pods.clone();
        // One pod fewer than all, or nothing is sorted; the last one is left.
        let count = pods.len() - 1;
        victims(pods, &related, count, now).iter().map(|pod| pod.uid().to_owned()).collect()
    }

    #[test]
    fn the_least_useful_pod_goes_first() {
        let none = || json!({});
        let ready = Some("2026-01-01T12:00:00Z");
        let pods = vec![
            pod("keep", "n1", "Running", ready, none()),
            pod("cheap", "n2", "Running", ready, json!({"cost": "-1"})),
            pod("not-ready", "n3", "Running", None, none()),
            pod("unknown", "n4", "Unknown", None, none()),
            pod("pending", "n5", "Pending", None, none()),
            pod("unassigned", "", "Pending", None, none()),
        ];
        assert_eq!(order(pods), ["unassigned", "pending", "unknown", "not-ready", "cheap"]);
    }

    #[test]
    fn among_equals_the_doubled_up_then_the_younger_then_the_restarted_go() {
        let none = || json!({});
        let ready = Some("2026-01-01T12:00:00Z");
        let doubled = vec![
            pod("alone", "n1", "Running", ready, none()),
            pod("twin-a", "n2", "Running", ready, none()),
            pod("twin-b", "n2", "Running", ready, none()),
        ];
        assert_eq!(order(doubled), ["twin-a", "twin-b"]);
        let aged = vec![
            pod("a-old", "n", "Running", Some("2026-01-01T01:00:00Z"), none()),
            pod("b-young", "n", "Running", Some("2026-01-01T23:59:59Z"), none()),
        ];
        assert_eq!(order(aged), ["b-young"]);
        let same_magnitude = vec![
            pod("b", "n", "Running", Some("2026-01-01T01:00:00Z"), none()),
            pod("a", "n", "Running", Some("2026-01-01T02:00:00Z"), none()),
        ];
        assert_eq!(order(same_magnitude), ["a"]);
        let restarted = vec![
            pod("calm", "n", "Running", ready, json!({"restarts": 1})),
            pod("wild", "n", "Running", ready, json!({"restarts": 2})),
        ];
        assert_eq!(order(restarted), ["wild"]);
        let made = vec![
            pod("old", "n", "Pending", None, none()),
            pod("young", "n", "Pending", None, json!({"made": "2026-01-01T23:59:59Z"})),
        ];
        assert_eq!(order(made), ["young"]);
    }
}
