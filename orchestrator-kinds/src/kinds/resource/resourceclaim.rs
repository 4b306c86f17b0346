//! ResourceClaim and ResourceClaimTemplate: devices that a pod wants.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::requests;
use crate::fields::{Fields, Fill};
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");

/// The rules of a ResourceClaim.
#[derive(Debug)]
pub struct ResourceClaim;

/// The rules of a ResourceClaimTemplate.
#[derive(Debug)]
pub struct ResourceClaimTemplate;

impl Rules for ResourceClaim {
    fn defaults(&self, object: &mut Object) {
        requests::fill(object.map_mut("spec"));
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        requests::check(new.sub("spec"), &SPEC, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_same(new, old, errors);
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({}))
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}

impl Rules for ResourceClaimTemplate {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.map_made("metadata");
        requests::fill(spec.map_made("spec"));
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        requests::check(new.sub("spec").sub("spec"), &SPEC.child("spec"), errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_same(new, old, errors);
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}

fn check_same(new: &Object, old: &Object, errors: &mut FieldErrors) {
    if new.sub("spec") != old.sub("spec") {
        errors.invalid(&SPEC, new.sub("spec"), "field is immutable");
    }
}
