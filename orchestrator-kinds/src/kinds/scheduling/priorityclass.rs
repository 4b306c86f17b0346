//! PriorityClass: how important pods are.

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;

use crate::fields::{Fields, Fill};
use crate::meta::METADATA;
use crate::pod::check::check_option;
use crate::report::Report;
use crate::rules::Rules;

/// What the cluster keeps for itself begins with this.
const RESERVED: &str = "system-";
/// The classes of the cluster: name and value.
const SYSTEM: [(&str, i64); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];
/// The highest value that is not the cluster's.
const VALUE_MAX: i64 = 1_000_000_000;

/// The rules of a PriorityClass.
#[derive(Debug)]
pub struct PriorityClass;

impl Rules for PriorityClass {
    fn defaults(&self, object: &mut Object) {
        let map = object.as_map_mut();
        map.fill("value", 0);
        map.fill("preemptionPolicy", "PreemptLowerPriority");
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, _change: Change<'_>) {
        // Nothing that counts can change.
        if let Some(old) = old {
            new.set_meta("generation", old.generation());
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let (name, value) = (new.name(), new.int("value").unwrap_or_default());
        if name.starts_with(RESERVED) {
            check_system(new, errors);
        } else if value > VALUE_MAX {
            let detail = format!("maximum allowed value of a user defined priority is {VALUE_MAX}");
            errors.forbidden(&Path::new("value"), detail);
        }
        check_policy(new, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        if new.int("value") != old.int("value") {
            errors.forbidden(&Path::new("value"), "may not be changed in an update.");
        }
        if new.sub("preemptionPolicy") != old.sub("preemptionPolicy") {
            let policy = new.sub("preemptionPolicy");
            errors.invalid(&Path::new("preemptionPolicy"), policy, "field is immutable");
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn create_on_update(&self) -> bool {
        true
    }
}

fn check_policy(class: &Object, errors: &mut FieldErrors) {
    const POLICIES: [&str; 2] = ["PreemptLowerPriority", "Never"];
    check_option(class, "preemptionPolicy", &POLICIES, &Path::ROOT, errors);
}

/// A class under a reserved name is just what the cluster says it is.
fn check_system(class: &Object, errors: &mut FieldErrors) {
    let name = class.name();
    let fault = match SYSTEM.iter().find(|(known, _)| *known == name) {
        None => format!("{name} is not a known system priority class"),
        Some((_, value)) if class.int("value") != Some(*value) => {
            format!("value of {name} PriorityClass must be {value}")
        }
        Some(_) if class.flag("globalDefault") => {
            format!("globalDefault of {name} PriorityClass must be false")
        }
        Some(_) => return,
    };
    let detail = format!(
        "priority class names with '{RESERVED}' prefix are reserved for system use only. error: \
         {fault}"
    );
    errors.forbidden(&METADATA.child("name"), detail);
}
