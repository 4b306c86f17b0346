//! What may change in a job that is there.

use orchestrator_core::field::FieldErrors;
use orchestrator_core::{Json, Object};

use super::SPEC;
use crate::fields::Fields;
use crate::format::labels::shown_selector;
use crate::report::{Report, Verbatim};

const FIXED: &str = "field is immutable";
/// What may still change in the pods of a job that has not started them.
const OF_SUSPENDED: [&str; 3] = ["nodeSelector", "tolerations", "schedulingGates"];

/// Checks the step of a job from `old` to `new`.
pub(super) fn check(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let (spec, was) = (new.sub("spec"), old.sub("spec"));
    check_completions(spec, was, errors);
    if spec.sub("selector") != was.sub("selector") {
        let shown = Verbatim(shown_selector(spec.sub("selector")));
        errors.invalid(&SPEC.child("selector"), shown, FIXED);
    }
    check_template(spec, old, errors);
    for name in
        ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"]
    {
        if spec.sub(name) != was.sub(name) {
            errors.invalid(&SPEC.child(name), spec.sub(name), FIXED);
        }
    }
}

/// An indexed job may grow and shrink if all of its pods run at once.
fn check_completions(spec: &Json, was: &Json, errors: &mut FieldErrors) {
    let (count, old) = (spec.sub("completions"), was.sub("completions"));
    if count == old {
        return;
    }
    let path = SPEC.child("completions");
    if was.text("completionMode") != "Indexed" || old.is_null() || count.is_null() {
        errors.invalid(&path, count, FIXED);
    } else if count != spec.sub("parallelism") || old != was.sub("parallelism") {
        errors.invalid(&path, count, "can only be modified in tandem with parallelism");
    }
}

fn check_template(spec: &Json, old: &Object, errors: &mut FieldErrors) {
    let (template, was) = (spec.sub("template"), old.sub("spec").sub("template"));
    if template == was {
        return;
    }
    let started = old.sub("status").has("startTime");
    let suspended = old.sub("spec").flag("suspend") && !started;
    let path = SPEC.child("template");
    if !suspended && template.sub("metadata") != was.sub("metadata") {
        errors.invalid(&path.child("metadata"), template.sub("metadata"), FIXED);
    }
    let mut pod = template.sub("spec").clone();
    if suspended && let Some(map) = pod.as_object_mut() {
        let restored = OF_SUSPENDED.iter().chain(["affinity"].iter());
        for name in restored {
            match was.sub("spec").get_set(name) {
                Some(value) => drop(map.insert((*name).into(), value.clone())),
                None => drop(map.remove(name)),
            }
        }
    }
    if pod != *was.sub("spec") {
        errors.invalid(&path.child("spec"), template.sub("spec"), FIXED);
    }
}
