//! Bringing a pod into the state in which it is stored.

use orchestrator_core::object::Map;
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::pod::defaults::{drop_disabled, mirror_service_account};
use crate::pod::{apparmor, qos};

/// Prepares a pod for a write through any of its paths.
pub(super) fn prepare(new: &mut Object, old: Option<&Object>, change: Change<'_>) {
    let Some(old) = old else {
        prepare_new(new);
        return;
    };
    match change.subresource {
        "ephemeralcontainers" => keep_all_but(new, old, |kept, wanted| {
            let containers = wanted.sub("ephemeralContainers").clone();
            kept.insert("ephemeralContainers".into(), containers);
            kept.drop_empty("ephemeralContainers");
        }),
        "resize" => keep_all_but(new, old, take_resources),
        "status" => {
            prepare_spec_and_status(new, Some(old), "status");
            // The class is settled when the pod is made.
            let class = old.sub("status").sub("qosClass").clone();
            if !class.is_null() {
                new.map_mut("status").insert("qosClass".into(), class);
            }
        }
        other => {
            let spec = new.map_mut("spec");
            mirror_service_account(spec);
            drop_disabled(spec);
            prepare_spec_and_status(new, Some(old), other);
        }
    }
}

fn prepare_new(pod: &mut Object) {
    let spec = pod.map_mut("spec");
    mirror_service_account(spec);
    drop_disabled(spec);
    merge_label_keys(pod);
    apparmor::synchronize(pod);
    let mut status = json!({"phase": "Pending", "qosClass": qos::class(pod.sub("spec"))});
    if !pod.sub("spec").list("schedulingGates").is_empty() {
        status["conditions"] = json!([{
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": null,
            "lastTransitionTime": null,
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    pod.set("status", status);
}

/// Takes all from the old pod but a part of the spec; a change of that part is counted.
fn keep_all_but(new: &mut Object, old: &Object, take: fn(&mut Map, &Json)) {
    let mut kept = old.clone();
    kept.set_meta("managedFields", new.meta("managedFields").cloned().unwrap_or_default());
    take(kept.map_mut("spec"), new.sub("spec"));
    if kept.sub("spec") != old.sub("spec") && old.generation() > 0 {
        kept.set_meta("generation", old.generation() + 1);
    }
    *new = kept;
}

/// Takes what containers ask for, and how a change of it is made.
fn take_resources(kept: &mut Map, wanted: &Json) {
    for list in ["containers", "initContainers"] {
        for container in kept.maps_of(list) {
            let name = container.text("name");
            let Some(asked) = wanted.list(list).iter().find(|one| one.text("name") == name) else {
                continue;
            };
            for field in ["resources", "resizePolicy"] {
                match asked.get_set(field) {
                    Some(value) => drop(container.insert(field.into(), value.clone())),
                    None => drop(container.remove(field)),
                }
            }
        }
    }
    if wanted.has("resources") {
        kept.insert("resources".into(), wanted.sub("resources").clone());
    }
}

/// Labels of the pod itself that its affinity names become part of the selectors.
fn merge_label_keys(pod: &mut Object) {
    let spec = pod.sub("spec");
    if !spec.has("topologySpreadConstraints") && !spec.has("affinity") {
        return;
    }
    let labels = pod.labels().cloned().unwrap_or_default();
    let spec = pod.map_mut("spec");
    for constraint in spec.maps_of("topologySpreadConstraints") {
        add_requirements(constraint, "matchLabelKeys", "In", &labels);
    }
    let Some(affinity) = spec.map_at("affinity") else { return };
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(terms) = affinity.map_at(kind) else { continue };
        let mut merge = |term: &mut Map| {
            add_requirements(term, "matchLabelKeys", "In", &labels);
            add_requirements(term, "mismatchLabelKeys", "NotIn", &labels);
        };
        terms.maps_of("requiredDuringSchedulingIgnoredDuringExecution").for_each(&mut merge);
        for weighted in terms.maps_of("preferredDuringSchedulingIgnoredDuringExecution") {
            if let Some(term) = weighted.map_at("podAffinityTerm") {
                merge(term);
            }
        }
    }
}

fn add_requirements(term: &mut Map, keys: &str, operator: &str, labels: &Map) {
    let added: Vec<Json> = term
        .texts(keys)
        .filter_map(|key| {
            let value = labels.get(key)?;
            Some(json!({"key": key, "operator": operator, "values": [value]}))
        })
        .collect();
    if added.is_empty() || !term.has("labelSelector") {
        return;
    }
    let selector = term.map_made("labelSelector");
    let expressions = selector.entry("matchExpressions").or_insert_with(|| json!([]));
    if let Some(expressions) = expressions.as_array_mut() {
        expressions.extend(added);
    }
}

/// How long the pod has to stop: at once where it runs nowhere or has ended.
pub(super) fn grace_period_seconds(pod: &Object) -> Option<i64> {
    let (spec, phase) = (pod.sub("spec"), pod.sub("status").text("phase"));
    if spec.text("nodeName").is_empty() || matches!(phase, "Failed" | "Succeeded") {
        return Some(0);
    }
    // A negative time, which old pods may have, counts as one second.
    Some(match spec.int("terminationGracePeriodSeconds") {
        Some(seconds) if seconds < 0 => 1,
        Some(seconds) => seconds,
        None => 30,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(json: Json) -> Object {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_new_pod_is_pending_and_a_gated_one_says_why() {
        let mut plain = pod(json!({"spec": {}, "status": {"phase": "Running"}}));
        prepare_new(&mut plain);
        let wanted = json!({"phase": "Pending", "qosClass": "BestEffort"});
        assert_eq!(plain.sub("status"), &wanted);
        let mut gated = pod(json!({"spec": {"schedulingGates": [{"name": "a"}]}}));
        prepare_new(&mut gated);
        assert_eq!(gated.sub("status").list("conditions")[0].text("reason"), "SchedulingGated");
    }

    #[test]
    fn keys_of_labels_become_requirements() {
        let mut pod = pod(json!({
            "metadata": {"labels": {"v": "1"}},
            "spec": {"topologySpreadConstraints": [
                {"labelSelector": {}, "matchLabelKeys": ["v", "missing"]},
            ]},
        }));
        merge_label_keys(&mut pod);
        let selector = pod.sub("spec").list("topologySpreadConstraints")[0].sub("labelSelector");
        let wanted = json!({"matchExpressions": [{"key": "v", "operator": "In", "values": ["1"]}]});
        assert_eq!(selector, &wanted);
    }

    #[test]
    fn a_pod_that_runs_nowhere_stops_at_once() {
        for (json, wanted) in [
            (json!({"spec": {}}), 0),
            (json!({"spec": {"nodeName": "n", "terminationGracePeriodSeconds": 5}}), 5),
            (json!({"spec": {"nodeName": "n", "terminationGracePeriodSeconds": -5}}), 1),
            (json!({"spec": {"nodeName": "n"}, "status": {"phase": "Failed"}}), 0),
        ] {
            assert_eq!(grace_period_seconds(&pod(json)), Some(wanted));
        }
    }
}
