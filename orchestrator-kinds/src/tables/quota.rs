//! Resource quotas.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::name;

pub(super) fn row(object: &Object, now: Timestamp) -> Vec<Json> {
    let hard = object.at(&["status", "hard"]).and_then(Json::as_object);
    let (mut requests, mut limits): (Vec<String>, Vec<String>) = Default::default();
    for (resource, hard) in hard.into_iter().flatten() {
        let used = match object.text_at(&["status", "used", resource]) {
            "" => "0",
            used => used,
        };
        let shown = format!("{resource}: {used}/{}", hard.as_str().unwrap_or_default());
        match resource.starts_with("limits") {
            true => limits.push(shown),
            false => requests.push(shown),
        }
    }
    vec![name(object), requests.join(", ").into(), limits.join(", ").into(), age::of(object, now)]
}
