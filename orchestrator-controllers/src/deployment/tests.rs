//! Objects that the tests of this controller's parts share.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use serde_json::json;

/// A Deployment `web` with the server's defaults.
pub(super) fn deployment(replicas: i32) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"namespace": "n", "name": "web", "uid": "d", "generation": 1},
        "spec": {
            "replicas": replicas, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
            "strategy": {"type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "img:1"}]}},
        },
    }))
    .unwrap()
}

/// A ReplicaSet with a template of its own.
pub(super) fn set(name: &str, replicas: i32) -> Arc<ReplicaSet> {
    let set = json!({
        "metadata": {"namespace": "n", "name": name, "uid": name, "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web", "of": name}}}},
    });
    Arc::new(serde_json::from_value(set).unwrap())
}
