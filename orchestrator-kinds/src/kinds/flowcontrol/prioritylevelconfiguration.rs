//! PriorityLevelConfiguration: how many requests of a level run at once.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const SHARES: i64 = 30;
const QUEUES_MAX: i64 = 10_000_000;

/// The rules of a PriorityLevelConfiguration.
#[derive(Debug)]
pub struct PriorityLevelConfiguration;

impl Rules for PriorityLevelConfiguration {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        if let Some(exempt) = spec.map_at("exempt") {
            exempt.fill("nominalConcurrencyShares", 0);
            exempt.fill("lendablePercent", 0);
        }
        let Some(limited) = spec.map_at("limited") else { return };
        limited.fill("nominalConcurrencyShares", SHARES);
        limited.fill("lendablePercent", 0);
        let response = limited.map_made("limitResponse");
        if let Some(queuing) = response.map_at("queuing") {
            queuing.fill_number("queues", 64);
            queuing.fill_number("handSize", 8);
            queuing.fill_number("queueLengthLimit", 50);
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        match spec.text("type") {
            "Exempt" => {
                if spec.has("limited") {
                    let detail = "must be nil if the type is not Limited";
                    errors.forbidden(&SPEC.child("limited"), detail);
                }
            }
            "Limited" => {
                if spec.has("exempt") {
                    let detail = "must be nil if the type is Limited";
                    errors.forbidden(&SPEC.child("exempt"), detail);
                }
                match spec.get_set("limited") {
                    None => errors
                        .required(&SPEC.child("limited"), "must not be empty when type is Limited"),
                    Some(limited) => check_limited(limited, &SPEC.child("limited"), errors),
                }
            }
            other => errors.unsupported(&SPEC.child("type"), other, &["Exempt", "Limited"]),
        }
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({}))
    }
}

fn check_limited(limited: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let shares = limited.int("nominalConcurrencyShares").unwrap_or_default();
    if shares < 0 {
        let detail = "must be a non-negative integer";
        errors.invalid(&path.child("nominalConcurrencyShares"), shares, detail);
    }
    let percent = limited.int("lendablePercent").unwrap_or_default();
    if !(0..=100).contains(&percent) {
        let detail = "must be between 0 and 100, inclusive";
        errors.invalid(&path.child("lendablePercent"), percent, detail);
    }
    let (response, path) = (limited.sub("limitResponse"), path.child("limitResponse"));
    let queuing = path.child("queuing");
    match (response.text("type"), response.get_set("queuing")) {
        ("Reject", Some(_)) => {
            let detail = "must be nil if limited.limitResponse.type is not Limited";
            errors.forbidden(&queuing, detail);
        }
        ("Reject", None) => {}
        ("Queue", None) => {
            let detail = "must not be empty if limited.limitResponse.type is Limited";
            errors.required(&queuing, detail);
        }
        ("Queue", Some(queues)) => check_queuing(queues, &queuing, errors),
        (other, _) => errors.unsupported(&path.child("type"), other, &["Queue", "Reject"]),
    }
}

fn check_queuing(queuing: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let number = |name: &str| queuing.int(name).unwrap_or_default();
    let (queues, hand) = (number("queues"), number("handSize"));
    if number("queueLengthLimit") <= 0 {
        let detail = "must be positive";
        errors.invalid(&path.child("queueLengthLimit"), number("queueLengthLimit"), detail);
    }
    if queues <= 0 {
        errors.invalid(&path.child("queues"), queues, "must be positive");
    } else if queues > QUEUES_MAX {
        let detail = format!("must not be greater than {QUEUES_MAX}");
        errors.invalid(&path.child("queues"), queues, detail);
    }
    if hand <= 0 {
        errors.invalid(&path.child("handSize"), hand, "must be positive");
    } else if hand > queues {
        let detail = format!("should not be greater than queues ({queues})");
        errors.invalid(&path.child("handSize"), hand, detail);
    }
}
