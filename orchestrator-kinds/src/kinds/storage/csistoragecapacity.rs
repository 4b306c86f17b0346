//! CSIStorageCapacity: how much of a class is left where.

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;

use crate::fields::Fields;
use crate::format::labels::check_selector;
use crate::format::names::dns_subdomain;
use crate::format::numbers::NOT_NEGATIVE;
use crate::pod::resources::amount;
use crate::report::Report;
use crate::rules::Rules;

/// The rules of a CSIStorageCapacity.
#[derive(Debug)]
pub struct CsiStorageCapacity;

impl Rules for CsiStorageCapacity {
    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check_selector(new.sub("nodeTopology"), &Path::new("nodeTopology"), errors);
        let class = new.text("storageClassName");
        errors.faults(&Path::new("storageClassName"), class, dns_subdomain(class));
        for field in ["capacity", "maximumVolumeSize"] {
            let value = new.sub(field);
            if amount(value).signum() < 0 {
                errors.invalid(&Path::new(field), value, NOT_NEGATIVE);
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
        for field in ["nodeTopology", "storageClassName"] {
            if new.sub(field) != old.sub(field) {
                errors.invalid(&Path::new(field), new.sub(field), "field is immutable");
            }
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}
