//! RuntimeClass: a way of running containers.

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;

use crate::fields::{Fields, Fill};
use crate::format::labels::check_labels;
use crate::format::names::dns_label;
use crate::pod::check::check_tolerations;
use crate::pod::defaults::round_amounts;
use crate::pod::resources::{check_amount, check_container_name};
use crate::report::Report;
use crate::rules::Rules;

/// The rules of a RuntimeClass.
#[derive(Debug)]
pub struct RuntimeClass;

impl Rules for RuntimeClass {
    fn defaults(&self, object: &mut Object) {
        let overhead = object.as_map_mut().map_at("overhead");
        if let Some(fixed) = overhead.and_then(|overhead| overhead.map_at("podFixed")) {
            round_amounts(fixed);
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let handler = new.text("handler");
        errors.faults(&Path::new("handler"), handler, dns_label(handler));
        let path = Path::new("overhead");
        let path = path.child("podFixed");
        for (name, value) in new.sub("overhead").entries("podFixed") {
            check_container_name(name, &path.key(name), errors);
            check_amount(name, value, &path.key(name), errors);
        }
        let (scheduling, path) = (new.sub("scheduling"), Path::new("scheduling"));
        check_labels(scheduling.map("nodeSelector"), &path.child("nodeSelector"), errors);
        check_tolerations(scheduling.list("tolerations"), &path.child("tolerations"), errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        if new.sub("handler") != old.sub("handler") {
            errors.invalid(&Path::new("handler"), new.sub("handler"), "field is immutable");
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
