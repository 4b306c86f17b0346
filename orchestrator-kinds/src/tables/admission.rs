//! Webhooks and policies of admission.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{UNSET, name, text};
use super::workload::count;

pub(super) fn webhooks(object: &Object, now: Timestamp) -> Vec<Json> {
    vec![name(object), count(object.get("webhooks")), age::of(object, now)]
}

pub(super) fn validating_policy(object: &Object, now: Timestamp) -> Vec<Json> {
    policy(object, "validations", now)
}

pub(super) fn mutating_policy(object: &Object, now: Timestamp) -> Vec<Json> {
    policy(object, "mutations", now)
}

fn policy(object: &Object, what: &str, now: Timestamp) -> Vec<Json> {
    let kind = object
        .at(&["spec", "paramKind"])
        .map(|kind| format!("{}/{}", text(kind, "apiVersion"), text(kind, "kind")));
    vec![
        name(object),
        count(object.at(&["spec", what])),
        kind.unwrap_or_else(|| UNSET.into()).into(),
        age::of(object, now),
    ]
}

pub(super) fn binding(object: &Object, now: Timestamp) -> Vec<Json> {
    let reference = object.at(&["spec", "paramRef"]).map(|reference| {
        match (text(reference, "namespace"), text(reference, "name")) {
            ("", "") => "*".to_owned(),
            (namespace, "") => format!("{namespace}/*"),
            ("", name) => name.to_owned(),
            (namespace, name) => format!("{namespace}/{name}"),
        }
    });
    vec![
        name(object),
        object.text_at(&["spec", "policyName"]).into(),
        reference.unwrap_or_else(|| UNSET.into()).into(),
        age::of(object, now),
    ]
}
