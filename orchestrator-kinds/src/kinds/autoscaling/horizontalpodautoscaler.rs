//! HorizontalPodAutoscaler: as many pods as the load needs, in versions 1 and 2.
//!
//! Version 2 is stored; version 1 knows one metric and carries the rest in annotations. Both are
//! checked as version 2, so errors name its fields.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object, Status};
use serde_json::json;

use super::{behavior, convert, metrics};
use crate::fields::{Fields, Fill};
use crate::format::names::path_segment;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
/// How busy processors should be where nobody says what to measure, in percent.
pub(super) const CPU_PERCENT: i64 = 80;

/// The rules of version 1.
#[derive(Debug)]
pub struct V1;

/// The rules of version 2.
#[derive(Debug)]
pub struct V2;

impl Rules for V1 {
    fn defaults(&self, object: &mut Object) {
        let has_metrics = object.annotation(convert::METRICS).is_some();
        let spec = object.map_mut("spec");
        spec.fill("minReplicas", 1);
        if !has_metrics {
            spec.fill("targetCPUUtilizationPercentage", CPU_PERCENT);
        }
    }

    fn validate(&self, new: &Object, change: Change<'_>, errors: &mut FieldErrors) {
        let mut stored = new.clone();
        convert::to_v2(&mut stored);
        V2.validate(&stored, change, errors);
    }

    fn to_storage(&self, object: &mut Object) -> Result<(), Status> {
        convert::to_v2(object);
        Ok(())
    }

    fn to_served(&self, object: &mut Object) -> Result<(), Status> {
        convert::to_v1(object);
        Ok(())
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({"currentReplicas": 0, "desiredReplicas": 0}))
    }

    fn has_generation(&self) -> bool {
        false
    }
}

impl Rules for V2 {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.map_made("scaleTargetRef");
        spec.fill("minReplicas", 1);
        if spec.list("metrics").is_empty() {
            spec.insert("metrics".into(), json!([metrics::cpu(CPU_PERCENT)]));
        }
        if let Some(rules) = spec.map_at("behavior") {
            behavior::fill(rules);
        }
        let status = object.map_mut("status");
        for condition in status.maps_of("conditions") {
            condition.fill("lastTransitionTime", Json::Null);
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        let (min, max) = (spec.int("minReplicas"), spec.int("maxReplicas").unwrap_or_default());
        if let Some(min) = min.filter(|min| *min < 1) {
            let path = SPEC.child("minReplicas");
            errors.invalid(&path, min, "must be greater than or equal to 1");
        }
        let path = SPEC.child("maxReplicas");
        if max == 0 {
            errors.required(&path, "must be set and greater than 0");
        } else if max < 1 {
            errors.invalid(&path, max, "must be greater than 0");
        }
        if min.is_some_and(|min| max < min) {
            errors.invalid(&path, max, "must be greater than or equal to `minReplicas`");
        }
        check_reference(spec.sub("scaleTargetRef"), &SPEC.child("scaleTargetRef"), errors);
        metrics::check(spec.list("metrics"), min, &SPEC.child("metrics"), errors);
        behavior::check(spec.sub("behavior"), &SPEC.child("behavior"), errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let path = Path::new("status");
        for name in ["currentReplicas", "desiredReplicas"] {
            let count = new.sub("status").int(name).unwrap_or_default();
            crate::format::numbers::check_not_negative(count, &path.child(name), errors);
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({"desiredReplicas": 0, "currentMetrics": null}))
    }

    fn has_generation(&self) -> bool {
        false
    }
}

/// Checks what is scaled or described.
pub(super) fn check_reference(reference: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for field in ["kind", "name"] {
        let value = reference.text(field);
        match value.is_empty() {
            true => errors.required(&path.child(field), ""),
            false => errors.faults(&path.child(field), value, path_segment(value)),
        }
    }
    let version = reference.text("apiVersion");
    if !version.contains('/') && version != "v1" {
        const DETAIL: &str = "apiVersion must specify API group";
        errors.invalid(&path.child("apiVersion"), version, DETAIL);
    }
}
