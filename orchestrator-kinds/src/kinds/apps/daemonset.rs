//! DaemonSet: one pod on each node.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::deployment::check_collisions;
use super::replicaset::check_same_selector;
use crate::fields::{Fields, Fill};
use crate::format::labels::{check_selector, selects_everything, shown_selector};
use crate::format::numbers::{check_count, check_not_negative};
use crate::format::share::{check_at_most_whole, check_count_or_share, is_zero};
use crate::kinds::core::pod::warnings::of_template;
use crate::pod::template;
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
/// Counts the changes of the template, for old clients.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The rules of a DaemonSet.
#[derive(Debug)]
pub struct DaemonSet;

impl Rules for DaemonSet {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        fill_strategy(spec.map_made("updateStrategy"));
        spec.fill("revisionHistoryLimit", 10);
        template::fill(spec);
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        template::prepare(new.map_mut("spec"));
        prepare_spec_and_status(new, old, change.subresource);
        if change.subresource.is_empty() {
            count_templates(new, old);
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        let (selector, path) = (spec.sub("selector"), SPEC.child("selector"));
        check_selector(selector, &path, errors);
        let at = SPEC.child("template");
        template::check_selected(selector, spec.sub("template"), &at, errors);
        if !selector.is_null() && selects_everything(selector) {
            let shown = Verbatim(shown_selector(selector));
            errors.invalid(&path, shown, "empty selector is invalid for daemonset");
        }
        template::check(spec.sub("template"), &at, errors);
        template::check_always_running(spec.sub("template"), "DaemonSet", &at, errors);
        check_count(spec, "minReadySeconds", &SPEC, errors);
        check_strategy(spec.sub("updateStrategy"), &SPEC.child("updateStrategy"), errors);
        check_count(spec, "revisionHistoryLimit", &SPEC, errors);
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
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let (status, path) = (new.sub("status"), Path::new("status"));
        for name in [
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
            "observedGeneration",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberUnavailable",
            "collisionCount",
        ] {
            check_not_negative(status.int(name).unwrap_or_default(), &path.child(name), errors);
        }
        check_collisions(status, old.sub("status"), &path, errors);
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        of_template(new.sub("spec").sub("template"), &SPEC.child("template"))
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({
            "currentNumberScheduled": 0,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": 0,
            "numberReady": 0,
        }))
    }
}

fn fill_strategy(strategy: &mut Map) {
    strategy.fill_text("type", "RollingUpdate");
    if strategy.text("type") == "RollingUpdate" {
        let rolling = strategy.map_made("rollingUpdate");
        rolling.fill("maxUnavailable", 1);
        rolling.fill("maxSurge", 0);
    }
}

/// Counts the changes of the template in an annotation.
fn count_templates(new: &mut Object, old: Option<&Object>) {
    let count = |object: &Object| {
        object.annotation(TEMPLATE_GENERATION).and_then(|text| text.parse::<i64>().ok())
    };
    let next = match old {
        None => 1,
        Some(old) => {
            let template = |object: &Object| object.sub("spec").sub("template").clone();
            count(old).unwrap_or(1) + i64::from(template(new) != template(old))
        }
    };
    let annotations = new.meta_mut().map_made("annotations");
    annotations.insert(TEMPLATE_GENERATION.into(), next.to_string().into());
}

fn check_strategy(strategy: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    match strategy.text("type") {
        "OnDelete" => {}
        "RollingUpdate" => {
            check_rolling(strategy.sub("rollingUpdate"), &path.child("rollingUpdate"), errors);
        }
        other => {
            errors.unsupported(&path.child("type"), other, &["RollingUpdate", "OnDelete"]);
        }
    }
}

fn check_rolling(rolling: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (unavailable, surge) = (rolling.sub("maxUnavailable"), rolling.sub("maxSurge"));
    for (name, value) in [("maxUnavailable", unavailable), ("maxSurge", surge)] {
        check_count_or_share(value, &path.child(name), errors);
        check_at_most_whole(value, &path.child(name), errors);
    }
    match (is_zero(unavailable), is_zero(surge)) {
        (true, true) => {
            let detail = "cannot be 0 when maxSurge is 0";
            errors.invalid(&path.child("maxUnavailable"), unavailable, detail);
        }
        (false, false) => {
            let detail = "may not be set when maxUnavailable is non-zero";
            errors.invalid(&path.child("maxSurge"), surge, detail);
        }
        _ => {}
    }
}
