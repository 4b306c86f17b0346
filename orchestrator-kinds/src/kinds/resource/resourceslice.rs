//! ResourceSlice: devices that a driver offers.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};

use crate::fields::{Fields, Fill};
use crate::format::names::{dns_label, dns_subdomain};
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
/// The ways to say which nodes have the devices.
const PLACES: [&str; 4] = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"];
const DEVICES_MAX: usize = 128;

/// The rules of a ResourceSlice.
#[derive(Debug)]
pub struct ResourceSlice;

impl Rules for ResourceSlice {
    fn defaults(&self, object: &mut Object) {
        object.map_mut("spec").map_made("pool");
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        let (driver, path) = (spec.text("driver"), SPEC.child("driver"));
        match driver.is_empty() {
            true => errors.required(&path, ""),
            false => errors.faults(&path, driver, dns_subdomain(driver)),
        }
        check_pool(spec.sub("pool"), &SPEC.child("pool"), errors);
        check_place(spec, errors);
        check_devices(spec.list("devices"), &SPEC.child("devices"), errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        self.validate(new, change, errors);
        let (spec, was) = (new.sub("spec"), old.sub("spec"));
        for field in ["driver", "nodeName"] {
            if spec.sub(field) != was.sub(field) {
                errors.invalid(&SPEC.child(field), spec.sub(field), "field is immutable");
            }
        }
    }
}

fn check_pool(pool: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let name = pool.text("name");
    if name.is_empty() {
        errors.required(&path.child("name"), "");
    } else {
        for part in name.split('/') {
            errors.faults(&path.child("name"), part, dns_subdomain(part));
        }
    }
    if pool.int("resourceSliceCount").unwrap_or_default() <= 0 {
        let count = pool.int("resourceSliceCount").unwrap_or_default();
        errors.invalid(&path.child("resourceSliceCount"), count, "must be greater than zero");
    }
    if let Some(generation) = pool.int("generation").filter(|generation| *generation < 0) {
        let detail = "must be greater than or equal to zero";
        errors.invalid(&path.child("generation"), generation, detail);
    }
}

/// Checks that the slice says in one way which nodes have its devices.
fn check_place(spec: &Json, errors: &mut FieldErrors) {
    let is_set = |field: &&str| match spec.sub(field) {
        Json::Null | Json::Bool(false) => false,
        Json::String(text) => !text.is_empty(),
        _ => true,
    };
    let known = PLACES.map(|field| format!("`{field}`")).join(", ");
    let set: Vec<&str> = PLACES.into_iter().filter(is_set).collect();
    match set.len() {
        1 => {}
        0 => errors.required(&SPEC, format!("exactly one of {known} is required")),
        _ => {
            let shown: Vec<_> = set.iter().map(|field| format!("`{field}`")).collect();
            let shown = format!("{{{}}}", shown.join(", "));
            let detail = format!("exactly one of {known} is required, but multiple fields are set");
            errors.invalid(&SPEC, &*shown, detail);
        }
    }
}

fn check_devices(devices: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    if devices.len() > DEVICES_MAX {
        errors.too_many(path, devices.len(), DEVICES_MAX);
    }
    for (i, device) in devices.iter().enumerate() {
        let (path, name) = (path.index(i), device.text("name"));
        match name.is_empty() {
            true => errors.required(&path.child("name"), ""),
            false => errors.faults(&path.child("name"), name, dns_label(name)),
        }
        if devices[..i].iter().any(|earlier| earlier.text("name") == name) {
            errors.duplicate(&path.child("name"), name, "");
        }
    }
}
