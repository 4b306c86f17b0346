//! Lease: who holds something, and for how long.

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;

use crate::fields::Fields;
use crate::format::numbers::check_count;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");

/// The rules of a Lease.
#[derive(Debug)]
pub struct Lease;

impl Rules for Lease {
    fn defaults(&self, object: &mut Object) {
        object.map_mut("spec");
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        if let Some(seconds) = spec.int("leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
            let path = SPEC.child("leaseDurationSeconds");
            errors.invalid(&path, seconds, "must be greater than 0");
        }
        check_count(spec, "leaseTransitions", &SPEC, errors);
        if spec.has("preferredHolder") && spec.text("strategy").is_empty() {
            const DETAIL: &str = "may only be specified if `strategy` is defined";
            errors.forbidden(&SPEC.child("preferredHolder"), DETAIL);
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn has_generation(&self) -> bool {
        false
    }
}
