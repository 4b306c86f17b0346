//! LimitRange: what containers, pods and claims of a namespace may ask for.

use std::collections::BTreeSet;

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object, Quantity};

use crate::fields::{Fields, Fill};
use crate::format::labels::qualified_name;
use crate::pod::defaults::round_amounts;
use crate::pod::resources::{amount, check_container_name, check_name, may_overcommit};
use crate::report::Report;
use crate::rules::Rules;

const AMOUNTS: [&str; 5] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

/// The rules of a LimitRange.
#[derive(Debug)]
pub struct LimitRange;

impl Rules for LimitRange {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.null_list("limits");
        for limit in spec.maps_of("limits") {
            for amounts in AMOUNTS {
                if let Some(amounts) = limit.map_at(amounts) {
                    round_amounts(amounts);
                }
            }
            if limit.text("type") == "Container" {
                copy_missing(limit, "max", "default");
                copy_missing(limit, "default", "defaultRequest");
                copy_missing(limit, "min", "defaultRequest");
            }
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let path = Path::new("spec");
        let path = path.child("limits");
        let limits = new.sub("spec").list("limits");
        for (i, limit) in limits.iter().enumerate() {
            let path = path.index(i);
            check_type(limit.text("type"), &path.child("type"), errors);
            if limits[..i].iter().any(|earlier| earlier.text("type") == limit.text("type")) {
                errors.duplicate(&path.child("type"), limit.text("type"), "");
            }
            check_limit(limit, &path, errors);
        }
    }

    fn has_generation(&self) -> bool {
        false
    }

    fn create_on_update(&self) -> bool {
        true
    }
}

/// Copies amounts that `to` does not state.
fn copy_missing(limit: &mut Map, from: &str, to: &str) {
    let missing: Vec<_> = limit
        .entries(from)
        .filter(|(name, _)| !limit.sub(to).has(name))
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    if !missing.is_empty() {
        limit.map_made(to).extend(missing);
    }
}

fn check_type(kind: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let faults = qualified_name(kind);
    let standard = matches!(kind, "Pod" | "Container" | "PersistentVolumeClaim");
    if faults.is_empty() && !kind.contains('/') && !standard {
        errors.invalid(path, kind, "must be a standard limit type or fully qualified");
    }
    errors.faults(path, kind, faults);
}

fn check_limit(limit: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let kind = limit.text("type");
    for amounts in AMOUNTS {
        let at = path.child(amounts);
        if kind == "Pod" && amounts.starts_with("default") {
            if limit.map(amounts).is_some_and(|amounts| !amounts.is_empty()) {
                errors.forbidden(&at, "may not be specified when `type` is 'Pod'");
            }
            continue;
        }
        for (name, _) in limit.entries(amounts) {
            match kind {
                "Pod" | "Container" => check_container_name(name, &at.key(name), errors),
                _ => drop(check_name(name, &at.key(name), errors)),
            }
        }
    }
    let has_storage = |amounts: &str| limit.sub(amounts).has("storage");
    if kind == "PersistentVolumeClaim" && !has_storage("min") && !has_storage("max") {
        const DETAIL: &str =
            "either minimum or maximum storage value is required, but neither was provided";
        errors.required(&path.child("limits"), DETAIL);
    }
    let names: BTreeSet<&str> =
        AMOUNTS.iter().flat_map(|amounts| limit.entries(amounts)).map(|(name, _)| name).collect();
    for name in names {
        check_order(limit, name, path, errors);
    }
}

/// Checks that the amounts of one resource are in order: min, default request, default, max.
fn check_order(limit: &Json, name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    // The two amounts compared, what messages call them, and whose field and value they show.
    const ORDER: [(&str, &str, &str, &str, &str, &str); 6] = [
        ("min", "max", "min value", "max value", "min", "min"),
        (
            "min",
            "defaultRequest",
            "min value",
            "default request value",
            "defaultRequest",
            "defaultRequest",
        ),
        (
            "defaultRequest",
            "max",
            "default request value",
            "max value",
            "defaultRequest",
            "defaultRequest",
        ),
        (
            "defaultRequest",
            "default",
            "default request value",
            "default limit value",
            "defaultRequest",
            "defaultRequest",
        ),
        ("min", "default", "min value", "default value", "default", "min"),
        ("default", "max", "default value", "max value", "default", "max"),
    ];
    let text = |amounts: &str| limit.sub(amounts).sub(name);
    for (low, high, low_words, high_words, field, shown) in ORDER {
        let (less, more) = (text(low), text(high));
        if !less.is_null() && !more.is_null() && amount(less) > amount(more) {
            let (less, more) = (plain(less), plain(more));
            let detail = format!("{low_words} {less} is greater than {high_words} {more}");
            errors.invalid(&path.child(field).key(name), text(shown), detail);
        }
    }
    let ratio = text("maxLimitRequestRatio");
    if !ratio.is_null()
        && amount(ratio).nano_value() < Quantity::from_milli(1000, Default::default()).nano_value()
    {
        let detail = format!("ratio {} is less than 1", plain(ratio));
        errors.invalid(&path.child("maxLimitRequestRatio").key(name), ratio, detail);
    }
    let (request, limit) = (text("defaultRequest"), text("default"));
    let both = !request.is_null() && !limit.is_null();
    if both && !may_overcommit(name) && amount(request) != amount(limit) {
        let detail = format!(
            "default value {} must equal to defaultRequest value {} in {name}",
            plain(limit),
            plain(request)
        );
        errors.invalid(&path.child("defaultRequest").key(name), request, detail);
    }
}

fn plain(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}
