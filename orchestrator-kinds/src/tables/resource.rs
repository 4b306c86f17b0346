//! Claims of devices, and what nodes have.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{list, name};

pub(super) fn claim(object: &Object, now: Timestamp) -> Vec<Json> {
    let mut states: Vec<&str> = Vec::new();
    if object.deletion_timestamp().is_some() {
        states.push("deleted");
    } else if object.at(&["status", "allocation"]).is_none() {
        states.push("pending");
    }
    if object.at(&["status", "allocation"]).is_some() {
        states.push("allocated");
        if list(object, &["status", "reservedFor"]).next().is_some() {
            states.push("reserved");
        }
    }
    vec![name(object), states.join(",").into(), age::of(object, now)]
}

pub(super) fn slice(object: &Object, now: Timestamp) -> Vec<Json> {
    let spec = |path: &[&str]| Json::from(object.text_at(path));
    vec![
        name(object),
        spec(&["spec", "nodeName"]),
        spec(&["spec", "driver"]),
        spec(&["spec", "pool", "name"]),
        age::of(object, now),
    ]
}
