//! What an autoscaler measures.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use serde_json::json;

use super::horizontalpodautoscaler::check_reference;
use crate::fields::Fields;
use crate::format::names::path_segment;
use crate::pod::resources::amount;
use crate::report::Report;

/// The types of metrics, and the field that belongs to each.
const TYPES: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];
const ANY_TARGET: &str = "must set either a target value for metric or a per-pod target";

/// The metric of how busy processors are.
pub(super) fn cpu(percent: i64) -> Json {
    let target = json!({"type": "Utilization", "averageUtilization": percent});
    json!({"type": "Resource", "resource": {"name": "cpu", "target": target}})
}

/// Checks all metrics; without pods there is nothing to measure in them.
pub(super) fn check(metrics: &[Json], min: Option<i64>, path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, metric) in metrics.iter().enumerate() {
        check_metric(metric, &path.index(i), errors);
    }
    let outside = metrics.iter().any(|metric| metric.has("object") || metric.has("external"));
    if min == Some(0) && !outside {
        const DETAIL: &str = "must specify at least one Object or External metric to support \
                              scaling to zero replicas";
        errors.forbidden(path, DETAIL);
    }
}

fn check_metric(metric: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (kind, names) = (metric.text("type"), TYPES.map(|(name, _)| name));
    let at = path.child("type");
    if kind.is_empty() {
        errors.required(&at, "must specify a metric source type");
    }
    let expected = TYPES.iter().find(|(name, _)| *name == kind).map(|(_, field)| *field);
    if expected.is_none() {
        errors.unsupported(&at, kind, &names);
    }
    let present: Vec<&str> =
        TYPES.iter().map(|(_, field)| *field).filter(|field| metric.has(field)).collect();
    if let Some(field) = present.first() {
        check_source(metric.sub(field), field, &path.child(field), errors);
    }
    match expected {
        None => errors.unsupported(&at, kind, &names),
        Some(field) if !metric.has(field) => {
            let detail = "must populate information for the given metric source";
            errors.required(&path.child(field), detail);
        }
        Some(_) => {}
    }
    if present.len() != 1 {
        for field in present.iter().filter(|field| Some(**field) != expected) {
            errors.forbidden(&path.child(field), "must populate the given metric source only");
        }
    }
}

fn check_source(source: &Json, field: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let (target, at) = (source.sub("target"), path.child("target"));
    match field {
        "resource" | "containerResource" => {
            if source.text("name").is_empty() {
                errors.required(&path.child("name"), "must specify a resource name");
            }
            if field == "containerResource" && source.text("container").is_empty() {
                errors.required(&path.child("container"), "must specify a container");
            }
            check_target(target, &at, errors);
            check_resource_target(target, &at, errors);
        }
        "object" => {
            let described = path.child("describedObject");
            check_reference(source.sub("describedObject"), &described, errors);
            check_identifier(source.sub("metric"), &path.child("metric"), errors);
            check_target(target, &at, errors);
            if !target.has("value") && !target.has("averageValue") {
                errors.required(&at.child("averageValue"), ANY_TARGET);
            }
        }
        "pods" => {
            check_identifier(source.sub("metric"), &path.child("metric"), errors);
            check_target(target, &at, errors);
            if amount(target.sub("averageValue")).signum() != 1 {
                let detail = "must specify a positive target averageValue";
                errors.required(&at.child("averageValue"), detail);
            }
        }
        _ => {
            check_identifier(source.sub("metric"), &path.child("metric"), errors);
            check_target(target, &at, errors);
            match (target.has("value"), target.has("averageValue")) {
                (false, false) => errors.required(&at.child("averageValue"), ANY_TARGET),
                (true, true) => {
                    const DETAIL: &str =
                        "may not set both a target value for metric and a per-pod target";
                    errors.forbidden(&at.child("value"), DETAIL);
                }
                _ => {}
            }
        }
    }
}

fn check_resource_target(target: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    match (target.has("averageUtilization"), target.has("averageValue")) {
        (false, false) => {
            const DETAIL: &str = "must set either a target raw value or a target utilization";
            errors.required(&path.child("averageUtilization"), DETAIL);
        }
        (true, true) => {
            const DETAIL: &str = "may not set both a target raw value and a target utilization";
            errors.forbidden(&path.child("averageValue"), DETAIL);
        }
        _ => {}
    }
}

fn check_identifier(metric: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let name = metric.text("name");
    match name.is_empty() {
        true => errors.required(&path.child("name"), "must specify a metric name"),
        false => errors.faults(&path.child("name"), name, path_segment(name)),
    }
}

fn check_target(target: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    match target.text("type") {
        "" => errors.required(&path.child("type"), "must specify a metric target type"),
        "Utilization" | "Value" | "AverageValue" => {}
        other => {
            const DETAIL: &str = "must be either Utilization, Value, or AverageValue";
            errors.invalid(&path.child("type"), other, DETAIL);
        }
    }
    for field in ["value", "averageValue"] {
        let value = target.sub(field);
        if !value.is_null() && amount(value).signum() != 1 {
            errors.invalid(&path.child(field), value, "must be positive");
        }
    }
    if let Some(percent) = target.int("averageUtilization").filter(|percent| *percent < 1) {
        errors.invalid(&path.child("averageUtilization"), percent, "must be greater than 0");
    }
}
