//! Kinds that hold data, and those of which there is little to show.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::name;

pub(super) fn name_and_age(object: &Object, now: Timestamp) -> Vec<Json> {
    vec![name(object), age::of(object, now)]
}

pub(super) fn name_and_time(object: &Object, _now: Timestamp) -> Vec<Json> {
    vec![name(object), object.creation_timestamp().into()]
}

pub(super) fn config_map(object: &Object, now: Timestamp) -> Vec<Json> {
    let count = entries(object, "data") + entries(object, "binaryData");
    vec![name(object), count.into(), age::of(object, now)]
}

pub(super) fn secret(object: &Object, now: Timestamp) -> Vec<Json> {
    let count = entries(object, "data");
    vec![name(object), object.text_at(&["type"]).into(), count.into(), age::of(object, now)]
}

fn entries(object: &Object, field: &str) -> usize {
    object.get(field).and_then(Json::as_object).map_or(0, |map| map.len())
}
