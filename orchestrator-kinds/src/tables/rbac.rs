//! Bindings of roles.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{list, name, text};

pub(super) fn binding(object: &Object, now: Timestamp) -> Vec<Json> {
    let role = |field: &str| object.text_at(&["roleRef", field]);
    let of = |kind: &str| {
        let subjects = list(object, &["subjects"]).filter(|subject| text(subject, "kind") == kind);
        let names = subjects.map(|subject| match text(subject, "namespace") {
            namespace if kind == "ServiceAccount" => {
                format!("{namespace}/{}", text(subject, "name"))
            }
            _ => text(subject, "name").to_owned(),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    vec![
        name(object),
        format!("{}/{}", role("kind"), role("name")).into(),
        age::of(object, now),
        of("User").into(),
        of("Group").into(),
        of("ServiceAccount").into(),
    ]
}
