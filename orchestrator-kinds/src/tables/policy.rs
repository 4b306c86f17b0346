//! Disruption budgets and priorities.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{name, number, truth};

pub(super) fn disruption_budget(object: &Object, now: Timestamp) -> Vec<Json> {
    let bound = |field: &str| match object.at(&["spec", field]) {
        Some(Json::String(text)) => text.clone(),
        Some(number) => number.to_string(),
        None => "N/A".into(),
    };
    vec![
        name(object),
        bound("minAvailable").into(),
        bound("maxUnavailable").into(),
        number(object, &["status", "disruptionsAllowed"]).into(),
        age::of(object, now),
    ]
}

pub(super) fn priority_class(object: &Object, now: Timestamp) -> Vec<Json> {
    vec![
        name(object),
        number(object, &["value"]).into(),
        truth(object, &["globalDefault"], false).into(),
        age::of(object, now),
        object.text_at(&["preemptionPolicy"]).into(),
    ]
}
