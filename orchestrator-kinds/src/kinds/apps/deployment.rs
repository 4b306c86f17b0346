//! Deployment: pods that are replaced step by step when their template changes.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::replicaset::{check_own_selector, check_same_selector, check_template};
use crate::fields::{Fields, Fill};
use crate::format::numbers::{check_count, check_not_negative};
use crate::format::share::{check_at_most_whole, check_count_or_share, is_zero};
use crate::kinds::core::pod::warnings::of_template;
use crate::pod::template;
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
/// How many old ReplicaSets are kept to go back to.
const HISTORY: i64 = 10;
/// How long a roll-out may stand still, in seconds.
const PROGRESS_S: i64 = 600;

/// The rules of a Deployment.
#[derive(Debug)]
pub struct Deployment;

impl Rules for Deployment {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.fill("replicas", 1);
        fill_strategy(spec.map_made("strategy"));
        spec.fill("revisionHistoryLimit", HISTORY);
        spec.fill("progressDeadlineSeconds", PROGRESS_S);
        template::fill(spec);
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        template::prepare(new.map_mut("spec"));
        let annotations = new.meta("annotations").cloned();
        prepare_spec_and_status(new, old, change.subresource);
        // The controller notes the revision along with the status, without a new generation.
        if old.is_some() && change.subresource == "status" {
            new.set_meta("annotations", annotations.unwrap_or_default());
        }
        // A change of the annotations alone counts too: controllers copy them.
        if let Some(old) = old.filter(|_| change.subresource.is_empty())
            && new.annotations() != old.annotations()
            && new.generation() == old.generation()
        {
            new.set_meta("generation", old.generation() + 1);
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        check_count(spec, "replicas", &SPEC, errors);
        check_own_selector(spec, "deployment", errors);
        check_template(spec, "ReplicaSet", errors);
        check_strategy(spec.sub("strategy"), &SPEC.child("strategy"), errors);
        check_count(spec, "minReadySeconds", &SPEC, errors);
        check_count(spec, "revisionHistoryLimit", &SPEC, errors);
        if let Some(seconds) = spec.int("progressDeadlineSeconds") {
            let path = SPEC.child("progressDeadlineSeconds");
            check_not_negative(seconds, &path, errors);
            if seconds <= spec.int("minReadySeconds").unwrap_or_default() {
                errors.invalid(&path, seconds, "must be greater than minReadySeconds");
            }
        }
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
        check_status(new.sub("status"), old.sub("status"), errors);
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        of_template(new.sub("spec").sub("template"), &SPEC.child("template"))
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({}))
    }
}

fn fill_strategy(strategy: &mut Map) {
    strategy.fill_text("type", "RollingUpdate");
    if strategy.text("type") == "RollingUpdate" {
        let rolling = strategy.map_made("rollingUpdate");
        rolling.fill("maxUnavailable", "25%");
        rolling.fill("maxSurge", "25%");
    }
}

fn check_strategy(strategy: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let rolling = strategy.sub("rollingUpdate");
    let at = path.child("rollingUpdate");
    match strategy.text("type") {
        "Recreate" if !rolling.is_null() => {
            errors.forbidden(&at, "may not be specified when strategy `type` is 'Recreate'");
        }
        "Recreate" => {}
        "RollingUpdate" if rolling.is_null() => {
            errors.required(&at, "this should be defaulted and never be nil");
        }
        "RollingUpdate" => check_rolling(rolling, &at, errors),
        other => {
            let shown = format!("{{\"Type\":{other:?},\"RollingUpdate\":{rolling}}}");
            errors.unsupported(path, Verbatim(shown), &["Recreate", "RollingUpdate"]);
        }
    }
}

fn check_rolling(rolling: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (unavailable, surge) = (rolling.sub("maxUnavailable"), rolling.sub("maxSurge"));
    check_count_or_share(unavailable, &path.child("maxUnavailable"), errors);
    check_count_or_share(surge, &path.child("maxSurge"), errors);
    if is_zero(unavailable) && is_zero(surge) {
        let path = path.child("maxUnavailable");
        errors.invalid(&path, unavailable, "may not be 0 when `maxSurge` is 0");
    }
    check_at_most_whole(unavailable, &path.child("maxUnavailable"), errors);
}

fn check_status(status: &Json, old: &Json, errors: &mut FieldErrors) {
    let path = Path::new("status");
    let count = |name: &str| status.int(name).unwrap_or_default();
    for name in [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
    ] {
        check_not_negative(count(name), &path.child(name), errors);
    }
    if let Some(collisions) = status.int("collisionCount") {
        check_not_negative(collisions, &path.child("collisionCount"), errors);
    }
    for name in ["updatedReplicas", "readyReplicas", "availableReplicas"] {
        if count(name) > count("replicas") {
            let detail = "cannot be greater than status.replicas";
            errors.invalid(&path.child(name), count(name), detail);
        }
    }
    if count("availableReplicas") > count("readyReplicas") {
        let detail = "cannot be greater than readyReplicas";
        errors.invalid(&path.child("availableReplicas"), count("availableReplicas"), detail);
    }
    check_collisions(status, old, &path, errors);
}

/// The count of collisions only rises.
pub(super) fn check_collisions(
    status: &Json,
    old: &Json,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let Some(was) = old.int("collisionCount") else { return };
    if status.int("collisionCount").is_none_or(|now| now < was) {
        let path = path.child("collisionCount");
        errors.invalid(&path, status.sub("collisionCount"), "cannot be decremented");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolling_update_may_not_stand_still() {
        for (rolling, wanted) in [
            (json!({"maxSurge": 0, "maxUnavailable": 0}), 1),
            (json!({"maxSurge": "0%", "maxUnavailable": "0%"}), 1),
            (json!({"maxSurge": 1, "maxUnavailable": 0}), 0),
            (json!({"maxSurge": 0, "maxUnavailable": "101%"}), 1),
        ] {
            let mut errors = FieldErrors::new();
            check_rolling(&rolling, &Path::ROOT, &mut errors);
            assert_eq!(errors.len(), wanted, "{rolling}");
        }
    }
}
