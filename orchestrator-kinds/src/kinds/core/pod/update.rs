//! What may change in a pod that is there.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::{Json, Object};

use super::SPEC;
use crate::fields::Fields;
use crate::format::numbers::between;
use crate::pod::diff;
use crate::report::Report;

const FIXED: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions \
    to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it \
    was previously negative)";

/// Checks the step of a pod from `old` to `new`.
pub(super) fn check(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let (spec, was) = (new.sub("spec"), old.sub("spec"));
    for list in ["containers", "initContainers"] {
        if !check_images(spec.list(list), was.list(list), &SPEC.child(list), errors) {
            return;
        }
    }
    if !check_deadline(spec, was, &SPEC.child("activeDeadlineSeconds"), errors) {
        return;
    }
    check_tolerations(spec, was, errors);
    check_gates(spec, was, errors);
    let allowed = with_allowed_changes(spec, was);
    if allowed != *was {
        errors.forbidden(&SPEC, format!("{FIXED}\n{}", diff::lines(was, &allowed, &[])));
    }
}

/// Checks that the containers are the same and have images.
fn check_images(new: &[Json], old: &[Json], path: &Path<'_>, errors: &mut FieldErrors) -> bool {
    if new.len() != old.len() {
        errors.forbidden(path, "pod updates may not add or remove containers");
        return false;
    }
    for (i, container) in new.iter().enumerate() {
        if container.text("image").trim().is_empty() {
            errors.required(&path.index(i).child("image"), "");
        }
    }
    true
}

/// A deadline may be set, and then only come nearer.
fn check_deadline(new: &Json, old: &Json, path: &Path<'_>, errors: &mut FieldErrors) -> bool {
    const MAX: i64 = i32::MAX as i64;
    match (new.int("activeDeadlineSeconds"), old.int("activeDeadlineSeconds")) {
        (Some(new), _) if !(0..=MAX).contains(&new) => {
            errors.invalid(path, new, between(0, MAX));
            false
        }
        (Some(new), Some(old)) if old < new => {
            errors.invalid(path, new, "must be less than or equal to previous value");
            false
        }
        (None, Some(_)) => {
            const DETAIL: &str = "must not update from a positive integer to nil value";
            errors.invalid(path, &Json::Null, DETAIL);
            true
        }
        _ => true,
    }
}

/// Tolerations may be added; of those that are there only the time may change.
fn check_tolerations(new: &Json, old: &Json, errors: &mut FieldErrors) {
    let same = |one: &Json, other: &Json| {
        ["key", "operator", "value", "effect"].iter().all(|f| one.text(f) == other.text(f))
    };
    let kept = |old: &Json| new.list("tolerations").iter().any(|new| same(old, new));
    if !old.list("tolerations").iter().all(kept) {
        const DETAIL: &str = "existing toleration can not be modified except its tolerationSeconds";
        errors.forbidden(&SPEC.child("tolerations"), DETAIL);
    }
}

/// Gates may only be taken away.
fn check_gates(new: &Json, old: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("schedulingGates");
    for (i, gate) in new.list("schedulingGates").iter().enumerate() {
        if !old.list("schedulingGates").contains(gate) {
            let name = gate.text("name");
            let detail =
                format!("only deletion is allowed, but found new scheduling gate '{name}'");
            errors.forbidden(&path.index(i), detail);
        }
    }
}

/// The new spec with all that may change set back.
fn with_allowed_changes(spec: &Json, was: &Json) -> Json {
    let mut back = spec.clone();
    let Some(map) = back.as_object_mut() else { return back };
    let mut restore = |field: &str| match was.get_set(field) {
        Some(value) => drop(map.insert(field.into(), value.clone())),
        None => drop(map.remove(field)),
    };
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        restore(field);
    }
    let grace = |spec: &Json| spec.int("terminationGracePeriodSeconds");
    if grace(was).is_some_and(|seconds| seconds < 0) && grace(spec) == Some(1) {
        restore("terminationGracePeriodSeconds");
    }
    if !was.list("schedulingGates").is_empty() && narrows_nodes(spec, was) {
        restore("nodeSelector");
    }
    for list in ["containers", "initContainers"] {
        let containers = map.get_mut(list).and_then(Json::as_array_mut).into_iter().flatten();
        for (container, old) in containers.zip(was.list(list)) {
            if let Some(container) = container.as_object_mut() {
                container.insert("image".into(), old.sub("image").clone());
            }
        }
    }
    back
}

/// Whether the new node selector demands all that the old one does: a gated pod may become
/// choosier.
fn narrows_nodes(spec: &Json, was: &Json) -> bool {
    was.entries("nodeSelector").all(|(key, value)| spec.sub("nodeSelector").sub(key) == value)
}

/// Ephemeral containers may be added, and stay as they are.
pub(super) fn check_ephemeral(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let path = SPEC.child("ephemeralContainers");
    let containers = new.sub("spec").list("ephemeralContainers");
    for was in old.sub("spec").list("ephemeralContainers") {
        let name = was.text("name");
        match containers.iter().position(|one| one.text("name") == name) {
            None => {
                let detail = format!("existing ephemeral containers {name:?} may not be removed\n");
                errors.forbidden(&path, detail);
            }
            Some(i) if containers[i] != *was => {
                let diff = diff::lines(was, &containers[i], diff::CONTAINER);
                let detail =
                    format!("existing ephemeral containers {name:?} may not be changed\n{diff}");
                errors.forbidden(&path, detail);
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(old: Json, new: Json) -> Vec<String> {
        let pod = |mut spec: Json| -> Object {
            spec.as_object_mut()
                .unwrap()
                .entry("containers")
                .or_insert(json!([{"name": "c", "image": "x"}]));
            serde_json::from_value(json!({ "spec": spec })).unwrap()
        };
        let mut errors = FieldErrors::new();
        check(&pod(new), &pod(old), &mut errors);
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn little_of_a_pod_may_change() {
        let cases = [
            (json!({}), json!({"containers": [{"name": "c", "image": "y"}]}), ""),
            (json!({}), json!({"activeDeadlineSeconds": 5}), ""),
            (
                json!({"activeDeadlineSeconds": 5}),
                json!({"activeDeadlineSeconds": 6}),
                "spec.activeDeadlineSeconds",
            ),
            (json!({}), json!({"tolerations": [{"key": "a"}]}), ""),
            (json!({"tolerations": [{"key": "a"}]}), json!({}), "spec.tolerations"),
            (json!({}), json!({"nodeName": "n"}), "spec"),
            (json!({}), json!({"containers": []}), "spec.containers"),
            (json!({"schedulingGates": [{"name": "a"}]}), json!({"nodeSelector": {"a": "b"}}), ""),
            (json!({}), json!({"schedulingGates": [{"name": "a"}]}), "spec.schedulingGates[0]"),
        ];
        for (old, new, wanted) in cases {
            assert_eq!(step(old, new.clone()).join(","), wanted, "{new}");
        }
    }
}
