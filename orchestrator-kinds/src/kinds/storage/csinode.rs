//! CSINode: the storage drivers of a node.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};

use crate::fields::{Fields, Fill};
use crate::format::labels::check_label_name;
use crate::format::names::dns_subdomain;
use crate::report::Report;
use crate::rules::Rules;

/// How long the id that a driver gives a node may be.
const ID_MAX: usize = 192;

/// The rules of a CSINode.
#[derive(Debug)]
pub struct CsiNode;

impl Rules for CsiNode {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.null_list("drivers");
        for driver in spec.maps_of("drivers") {
            driver.null_list("topologyKeys");
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let path = Path::new("spec");
        let path = path.child("drivers");
        let drivers = new.sub("spec").list("drivers");
        for (i, driver) in drivers.iter().enumerate() {
            let (path, name) = (path.index(i), driver.text("name"));
            check_driver(driver, &path, errors);
            if drivers[..i].iter().any(|earlier| earlier.text("name") == name) {
                errors.duplicate(&path.child("name"), name, "");
            }
        }
    }

    fn has_generation(&self) -> bool {
        false
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

fn check_driver(driver: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (name, id) = (driver.text("name"), driver.text("nodeID"));
    match name.is_empty() {
        true => errors.required(&path.child("name"), ""),
        false => errors.faults(&path.child("name"), name, dns_subdomain(&name.to_lowercase())),
    }
    if id.is_empty() {
        errors.required(&path.child("nodeID"), "");
    } else if id.len() > ID_MAX {
        let detail = format!("must be {ID_MAX} characters or less");
        errors.invalid(&path.child("nodeID"), id, detail);
    }
    if let Some(count) = driver.sub("allocatable").int("count").filter(|count| *count < 0) {
        let path = path.child("allocatable");
        let detail = "must be greater than or equal to 0";
        errors.invalid(&path.child("count"), count, detail);
    }
    let (keys, path) = (driver.list("topologyKeys"), path.child("topologyKeys"));
    for (i, key) in driver.texts("topologyKeys").enumerate() {
        if keys[..i].iter().any(|earlier| earlier == key) {
            errors.duplicate(&path, key, "");
        }
        check_label_name(key, &path, errors);
    }
}
