//! ControllerRevision: what a workload once looked like.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Object, Verb};

use crate::fields::Fields;
use crate::format::numbers::check_not_negative;
use crate::report::Report;
use crate::rules::Rules;

/// The rules of a ControllerRevision.
#[derive(Debug)]
pub struct ControllerRevision;

impl Rules for ControllerRevision {
    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check_not_negative(new.int("revision").unwrap_or_default(), &Path::new("revision"), errors);
        if !new.has("data") {
            errors.required(&Path::new("data"), "data is mandatory");
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
        // The revision may change alone, as controllers do; but a patch makes the content anew,
        // and then it never counts as the same.
        let renewed = change.verb == Verb::Patch && new.sub("revision") != old.sub("revision");
        if renewed || new.sub("data") != old.sub("data") {
            errors.invalid(&Path::new("data"), new.sub("data"), "field is immutable");
        }
    }

    fn has_generation(&self) -> bool {
        false
    }
}
