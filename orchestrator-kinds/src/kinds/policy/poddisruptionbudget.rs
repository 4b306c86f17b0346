//! PodDisruptionBudget: how many pods may be away at once.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::Fields;
use crate::format::labels::check_selector;
use crate::format::numbers::check_not_negative;
use crate::format::share::{check_at_most_whole, check_count_or_share};
use crate::pod::check::check_option;
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const COUNTS: [&str; 4] =
    ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];

/// The rules of a PodDisruptionBudget.
#[derive(Debug)]
pub struct PodDisruptionBudget;

impl Rules for PodDisruptionBudget {
    fn defaults(&self, object: &mut Object) {
        object.map_mut("spec");
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        if spec.has("minAvailable") && spec.has("maxUnavailable") {
            const DETAIL: &str = "minAvailable and maxUnavailable cannot be both set";
            errors.invalid(&SPEC, Verbatim(spec), DETAIL);
        }
        for name in ["minAvailable", "maxUnavailable"] {
            if let Some(value) = spec.get_set(name) {
                check_count_or_share(value, &SPEC.child(name), errors);
                check_at_most_whole(value, &SPEC.child(name), errors);
            }
        }
        check_selector(spec.sub("selector"), &SPEC.child("selector"), errors);
        const POLICIES: [&str; 2] = ["AlwaysAllow", "IfHealthyBudget"];
        check_option(spec, "unhealthyPodEvictionPolicy", &POLICIES, &SPEC, errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let path = Path::new("status");
        for name in COUNTS {
            let count = new.sub("status").int(name).unwrap_or_default();
            check_not_negative(count, &path.child(name), errors);
        }
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({
            "disruptionsAllowed": 0,
            "currentHealthy": 0,
            "desiredHealthy": 0,
            "expectedPods": 0,
        }))
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}
