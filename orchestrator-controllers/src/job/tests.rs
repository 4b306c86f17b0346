//! Objects that the tests of this controller's parts share.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

/// A Job that started at the beginning of 2026, with some fields of its spec.
pub(super) fn job(spec: Value) -> Job {
    let mut given = json!({"completions": 1, "parallelism": 1, "backoffLimit": 6,
        "template": {"spec": {"containers": [{"name": "c"}], "restartPolicy": "Never"}}});
    given.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "metadata": {"namespace": "n", "name": "job", "uid": "j"},
        "spec": given, "status": {"startTime": "2026-01-01T00:00:00Z"},
    }))
    .unwrap()
}

/// A pod that waits to be counted.
pub(super) fn pod(name: &str, phase: &str, index: Option<i32>) -> Arc<Pod> {
    let mut pod = json!({
        "metadata": {"namespace": "n", "name": name, "uid": name, "annotations": {},
            "finalizers": ["batch.kubernetes.io/job-tracking"]},
        "status": {"phase": phase},
    });
    if let Some(index) = index {
        let annotation = "batch.kubernetes.io/job-completion-index";
        pod["metadata"]["annotations"][annotation] = json!(index.to_string());
    }
    Arc::new(serde_json::from_value(pod).unwrap())
}
