//! Objects that the tests of this controller's parts share.

use k8s_openapi::api::apps::v1::StatefulSet;
use serde_json::{Value, json};

/// A StatefulSet `s` with some fields of its spec.
pub(super) fn set(spec: Value) -> StatefulSet {
    let mut given = json!({"selector": {"matchLabels": {"app": "s"}}, "template":
        {"metadata": {"labels": {"app": "s"}}, "spec": {"containers": [{"name": "c"}]}}});
    given.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let metadata = json!({"namespace": "n", "name": "s", "uid": "u", "generation": 1});
    serde_json::from_value(json!({"metadata": metadata, "spec": given})).unwrap()
}
