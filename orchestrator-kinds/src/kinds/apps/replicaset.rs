//! ReplicaSet: so many pods of one template.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::format::labels::{check_selector, selects, selects_everything, shown_selector};
use crate::format::numbers::{check_count, check_not_negative};
use crate::kinds::core::pod::warnings::of_template;
use crate::pod::template;
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");

/// The rules of a ReplicaSet.
#[derive(Debug)]
pub struct ReplicaSet;

impl Rules for ReplicaSet {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.fill("replicas", 1);
        template::fill(spec);
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        template::prepare(new.map_mut("spec"));
        prepare_spec_and_status(new, old, change.subresource);
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        check_count(spec, "replicas", &SPEC, errors);
        check_count(spec, "minReadySeconds", &SPEC, errors);
        check_own_selector(spec, "deployment", errors);
        check_template(spec, "ReplicaSet", errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        self.validate(new, change, errors);
        check_same_selector(new, old, errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_counts(new.sub("status"), errors);
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        let path = Path::new("spec");
        of_template(new.sub("spec").sub("template"), &path.child("template"))
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({"replicas": 0}))
    }
}

/// Checks the selector of a workload, which must be there and select something.
pub fn check_own_selector(spec: &Json, kind: &str, errors: &mut FieldErrors) {
    let (selector, path) = (spec.sub("selector"), SPEC.child("selector"));
    if selector.is_null() {
        errors.required(&path, "");
        return;
    }
    check_selector(selector, &path, errors);
    if selects_everything(selector) {
        let detail = format!("empty selector is invalid for {kind}");
        errors.invalid(&path, Verbatim(shown_selector(selector)), detail);
    }
    if selects(selector, None).is_none() {
        errors.invalid(&path, Verbatim(shown_selector(selector)), "invalid label selector");
    }
}

/// Checks the template of a workload whose pods always run.
pub fn check_template(spec: &Json, kind: &str, errors: &mut FieldErrors) {
    let (template, path) = (spec.sub("template"), SPEC.child("template"));
    let selector = spec.sub("selector");
    if !selects_everything(selector) || selector.is_null() {
        template::check_selected(selector, template, &path, errors);
    }
    template::check(template, &path, errors);
    template::check_always_running(template, kind, &path, errors);
}

/// Checks that the selector of a workload stays.
pub fn check_same_selector(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let selector = new.sub("spec").sub("selector");
    if selector != old.sub("spec").sub("selector") {
        let shown = Verbatim(shown_selector(selector));
        errors.invalid(&SPEC.child("selector"), shown, "field is immutable");
    }
}

/// Checks counts of pods in a status: none is negative, none above the whole.
pub fn check_counts(status: &Json, errors: &mut FieldErrors) {
    let path = Path::new("status");
    let count = |name: &str| status.int(name).unwrap_or_default();
    for name in [
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
    ] {
        check_not_negative(count(name), &path.child(name), errors);
    }
    for name in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"] {
        if count(name) > count("replicas") {
            let detail = "cannot be greater than status.replicas";
            errors.invalid(&path.child(name), count(name), detail);
        }
    }
    if count("availableReplicas") > count("readyReplicas") {
        let detail = "cannot be greater than readyReplicas";
        errors.invalid(&path.child("availableReplicas"), count("availableReplicas"), detail);
    }
}
