//! VolumeAttributesClass: what a volume can do, where that can change.

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;

use super::storageclass::check_parameters;
use crate::fields::Fields;
use crate::format::labels::qualified_name;
use crate::report::Report;
use crate::rules::Rules;

/// The rules of a VolumeAttributesClass.
#[derive(Debug)]
pub struct VolumeAttributesClass;

impl Rules for VolumeAttributesClass {
    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let (driver, path) = (new.text("driverName"), Path::new("driverName"));
        match driver.is_empty() {
            true => errors.required(&path, ""),
            false => errors.faults(&path, driver, qualified_name(&driver.to_lowercase())),
        }
        if new.map("parameters").is_none_or(|parameters| parameters.is_empty()) {
            errors.required(&Path::new("parameters"), "must contain at least one key/value pair");
        }
        check_parameters(new, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        for field in ["driverName", "parameters"] {
            if new.sub(field) != old.sub(field) {
                let detail = format!("updates to {field} are forbidden.");
                errors.forbidden(&Path::new(field), detail);
            }
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}
