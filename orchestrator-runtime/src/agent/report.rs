//! Reports: the difference between a pod's status and what the API has, as a patch.

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use orchestrator_core::Json;
use orchestrator_core::object::Map;
use serde_json::json;

/// The patch that makes the API's status `wanted`; `None` where it is that already.
///
/// It names uid and version of the object that was looked at, so that a status never lands on
/// another pod of the same name, and never takes back what somebody else has just written.
pub(super) fn patch(present: &Pod, wanted: &PodStatus) -> Option<Json> {
    let before = present.status.as_ref().map(fields).unwrap_or_default();
    let after = fields(wanted);
    let mut changed = Map::new();
    for (name, value) in &after {
        if before.get(name) != Some(value) {
            changed.insert(name.clone(), value.clone());
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        changed.insert(name.clone(), Json::Null);
    }
    if changed.is_empty() {
        return None;
    }
    let meta = &present.metadata;
    let version = json!({"uid": meta.uid, "resourceVersion": meta.resource_version});
    Some(json!({"metadata": version, "status": changed}))
}

fn fields(status: &PodStatus) -> Map {
    match serde_json::to_value(status) {
        Ok(Json::Object(map)) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_written() {
        let meta = json!({"uid": "u", "resourceVersion": "7"});
        let status = json!({"phase": "Pending", "message": "old", "qosClass": "BestEffort"});
        let pod: Pod = serde_json::from_value(json!({"metadata": meta, "status": status})).unwrap();
        let mut wanted = pod.status.clone().unwrap();
        assert_eq!(patch(&pod, &wanted), None);
        wanted.phase = Some("Running".into());
        wanted.message = None;
        let expected = json!({"metadata": meta, "status": {"phase": "Running", "message": null}});
        assert_eq!(patch(&pod, &wanted), Some(expected));
    }
}
