//! DeviceClass: a sort of devices.

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;

use super::selectors;
use crate::fields::Fields;
use crate::rules::Rules;

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
        selectors::check(new.sub("spec").list("selectors"), &path, errors);
    }
}
