//! DeviceClass: a sort of devices.

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;

use crate::fields::Fields;
use crate::report::Report;
use crate::rules::Rules;

const SELECTORS_MAX: usize = 32;

/// The rules of a DeviceClass.
#[derive(Debug)]
pub struct DeviceClass;

impl Rules for DeviceClass {
    fn defaults(&self, object: &mut Object) {
        object.map_mut("spec");
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let path = Path::new("spec");
        let path = path.child("selectors");
        let selectors = new.sub("spec").list("selectors");
        if selectors.len() > SELECTORS_MAX {
            errors.too_many(&path, selectors.len(), SELECTORS_MAX);
        }
        for (i, selector) in selectors.iter().enumerate() {
            if selector.sub("cel").text("expression").trim().is_empty() {
                errors.required(&path.index(i).child("cel"), "");
            }
        }
    }
}
