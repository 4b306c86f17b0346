//! What workloads ask of a pod.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use orchestrator_client::{Kind, KindExt};
use orchestrator_core::Object;

use crate::clock;

/// The index of pods that nobody controls, by namespace: the candidates for adoption.
pub(crate) const INDEX_ORPHAN: &str = "orphan";

/// The values of [`INDEX_ORPHAN`].
pub(crate) fn orphan_namespace(object: &Object) -> Vec<String> {
    let controlled = object.owner_references().any(|owner| {
        owner.get("controller").and_then(orchestrator_core::Json::as_bool) == Some(true)
    });
    if controlled { Vec::new() } else { vec![object.namespace().to_owned()] }
}

/// The index of pods by the node that they are bound to.
pub(crate) const INDEX_NODE: &str = "node";

/// The values of [`INDEX_NODE`].
pub(crate) fn node_name(object: &Object) -> Vec<String> {
    let name = object.text_at(&["spec", "nodeName"]);
    if name.is_empty() { Vec::new() } else { vec![name.to_owned()] }
}

/// The phase; empty where there is none yet.
pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// The node that a pod is bound to; empty where it is not.
pub(crate) fn node(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

/// Whether a pod has ended, well or not.
pub(crate) fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether a pod runs or will run, and is not being deleted.
pub(crate) fn is_active(pod: &Pod) -> bool {
    !is_finished(pod) && !pod.is_terminating()
}

/// The condition of this type.
pub(crate) fn condition<'a>(pod: &'a Pod, r#type: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|condition| condition.type_ == r#type)
}

/// Whether a pod is ready.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition.status == "True")
}

/// Since when a pod is ready; `None` where it is not or does not tell.
pub(crate) fn ready_since(pod: &Pod) -> Option<&Time> {
    let ready = condition(pod, "Ready").filter(|condition| condition.status == "True")?;
    ready.last_transition_time.as_ref()
}

/// When a ready pod counts as available: after it was ready for so long. `None` where the pod
/// is not ready, or does not tell since when and would have to.
pub(crate) fn available_at(pod: &Pod, min_ready_seconds: i32) -> Option<Timestamp> {
    if !is_ready(pod) {
        return None;
    }
    if min_ready_seconds == 0 {
        return Some(Timestamp::MIN);
    }
    Some(clock::plus(ready_since(pod)?, min_ready_seconds.into()))
}

/// Whether a pod was ready for long enough.
pub(crate) fn is_available(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> bool {
    available_at(pod, min_ready_seconds).is_some_and(|at| at <= now)
}

/// How often the containers of a pod were restarted: the most of one of them.
pub(crate) fn restarts(pod: &Pod) -> i32 {
    let status = pod.status.as_ref();
    let containers = status.and_then(|status| status.container_statuses.as_deref());
    containers.unwrap_or_default().iter().map(|c| c.restart_count).max().unwrap_or(0)
}

/// A pod of `owner` made from `template`; the server completes its name.
pub(crate) fn from_template<K: Kind>(owner: &K, template: &PodTemplateSpec) -> Pod {
    let given = template.metadata.clone().unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            namespace: owner.metadata().namespace.clone(),
            generate_name: Some(format!("{}-", owner.name())),
            labels: given.labels,
            annotations: given.annotations,
            finalizers: given.finalizers,
            owner_references: Some(vec![owner.controller_reference()]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_is_available_after_it_was_ready_for_long_enough() {
        let pod = |status: &str, since: serde_json::Value| -> Pod {
            let ready = json!({"type": "Ready", "status": status, "lastTransitionTime": since});
            serde_json::from_value(json!({"metadata": {}, "status": {"conditions": [ready]}}))
                .unwrap()
        };
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let since = json!("2026-01-01T00:00:10Z");
        let cases = [
            ("True", since.clone(), 0, "2026-01-01T00:00:00Z", true),
            ("True", since.clone(), 5, "2026-01-01T00:00:14Z", false),
            ("True", since.clone(), 5, "2026-01-01T00:00:15Z", true),
            ("False", since, 0, "2026-01-01T00:00:15Z", false),
            ("True", json!(null), 0, "2026-01-01T00:00:00Z", true),
            ("True", json!(null), 1, "2026-01-01T00:00:00Z", false),
        ];
        for (status, since, min_ready, now, want) in cases {
            let pod = pod(status, since);
            assert_eq!(is_available(&pod, min_ready, at(now)), want, "{status} {min_ready} {now}");
        }
    }

    #[test]
    fn orphans_are_filed_by_namespace() {
        let object = |controller: bool| -> Object {
            let owners = json!([{"uid": "u", "controller": controller}]);
            serde_json::from_value(
                json!({"metadata": {"namespace": "n", "ownerReferences": owners}}),
            )
            .unwrap()
        };
        assert_eq!(orphan_namespace(&object(false)), ["n"]);
        assert!(orphan_namespace(&object(true)).is_empty());
    }
}
