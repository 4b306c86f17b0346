//! Certificate signing requests.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{NONE, list, name, text, text_or};

pub(super) fn request(object: &Object, now: Timestamp) -> Vec<Json> {
    let duration = match object.int_at(&["spec", "expirationSeconds"]) {
        Some(seconds) => age::human(seconds),
        None => NONE.into(),
    };
    vec![
        name(object),
        age::of(object, now),
        text_or(object, &["spec", "signerName"], NONE),
        object.text_at(&["spec", "username"]).into(),
        duration.into(),
        state(object).into(),
    ]
}

fn state(object: &Object) -> String {
    let has = |kind: &str| list(object, &["status", "conditions"]).any(|c| text(c, "type") == kind);
    let mut state = match () {
        () if has("Denied") => "Denied",
        () if has("Approved") => "Approved",
        () => "Pending",
    }
    .to_owned();
    if has("Failed") {
        state.push_str(",Failed");
    }
    if !object.text_at(&["status", "certificate"]).is_empty() {
        state.push_str(",Issued");
    }
    state
}
