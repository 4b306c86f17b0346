//! What has to happen before a workload is ready.

use orchestrator::client::Applied;
use orchestrator::core::{Json, Object};

/// How far a workload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many of its parts are ready.
    pub ready: u64,
    /// How many there shall be.
    pub wanted: u64,
    /// Why it will not become ready by itself; empty while it may.
    pub failed: String,
}

impl Progress {
    /// Whether all is ready.
    pub fn is_done(&self) -> bool {
        self.failed.is_empty() && self.ready >= self.wanted
    }
}

/// Whether objects of this kind take time to become ready.
pub fn is_workload(applied: &Applied) -> bool {
    let resource = &applied.resource;
    matches!(
        (&*resource.group, &*resource.resource),
        ("apps", "deployments" | "statefulsets" | "daemonsets" | "replicasets")
            | ("batch", "jobs")
            | ("", "pods" | "replicationcontrollers")
    )
}

/// How far the workload `object` is.
pub fn progress(object: &Object) -> Progress {
    let spec = |name| count(object, &["spec", name]);
    let status = |name| count(object, &["status", name]).unwrap_or(0);
    let current = object
        .int_at(&["status", "observedGeneration"])
        .is_none_or(|seen| seen >= object.generation());
    let (ready, wanted) = match object.kind() {
        "Pod" => (u64::from(pod_is_ready(object)), 1),
        "Job" => (status("succeeded"), spec("completions").unwrap_or(1)),
        "DaemonSet" => (status("numberReady"), status("desiredNumberScheduled")),
        "Deployment" => {
            (status("readyReplicas").min(status("updatedReplicas")), spec("replicas").unwrap_or(1))
        }
        _ => (status("readyReplicas"), spec("replicas").unwrap_or(1)),
    };
    let observed = current && (object.kind() != "DaemonSet" || object.get("status").is_some());
    Progress { ready: if observed { ready } else { 0 }, wanted, failed: failure(object) }
}

fn count(object: &Object, path: &[&str]) -> Option<u64> {
    object.int_at(path).and_then(|count| count.try_into().ok())
}

fn conditions(object: &Object) -> impl Iterator<Item = &Json> {
    object.at(&["status", "conditions"]).and_then(Json::as_array).into_iter().flatten()
}

fn pod_is_ready(pod: &Object) -> bool {
    let ready = |c: &Json| c["type"] == "Ready" && c["status"] == "True";
    pod.text_at(&["status", "phase"]) == "Succeeded" || conditions(pod).any(ready)
}

/// The words of a condition that says that the workload has failed.
fn failure(object: &Object) -> String {
    let failed = |condition: &&Json| match condition["type"].as_str() {
        Some("Failed" | "ReplicaFailure") => condition["status"] == "True",
        Some("Progressing") => condition["status"] == "False",
        _ => false,
    };
    let words = |condition: &Json| {
        let word = |name: &str| condition[name].as_str().unwrap_or_default().to_owned();
        format!("{}: {}", word("reason"), word("message"))
    };
    conditions(object).find(failed).map(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn of(object: Json) -> Progress {
        progress(&from_value(object).unwrap())
    }

    #[test]
    fn a_workload_is_ready_when_all_its_parts_are() {
        let deployment = |ready: u64, generation: u64| {
            json!({"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 3},
                "status": {"observedGeneration": generation, "readyReplicas": ready,
                    "updatedReplicas": 3}})
        };
        assert!(of(deployment(3, 2)).is_done());
        assert!(!of(deployment(2, 2)).is_done());
        assert!(!of(deployment(3, 1)).is_done(), "the status is of an older spec");
        assert!(!of(json!({"kind": "Pod"})).is_done());
        let job = json!({"kind": "Job", "spec": {"completions": 3}, "status": {"succeeded": 3}});
        assert!(of(job).is_done());
    }

    #[test]
    fn a_failed_workload_says_why() {
        let job = json!({"kind": "Job", "spec": {}, "status": {"conditions": [
            {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "m"}]}});
        assert_eq!(of(job).failed, "BackoffLimitExceeded: m");
    }
}
