//! Event: what happened to an object. The core group and `events.k8s.io` share them.
//!
//! Events are kept as those of the core group. The two versions differ in the names of fields
//! and in how much a new event must say.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object, Status};

use crate::fields::{Fields, Fill};
use crate::format::labels::qualified_name;
use crate::format::names::{NameRule, dns_subdomain, path_segment};
use crate::report::Report;
use crate::rules::Rules;

/// How long action, reason and reporter may be.
const WORD_MAX: usize = 128;
/// How long the message may be.
const MESSAGE_MAX: usize = 1024;

/// Names of a field in the core group and in `events.k8s.io`.
const RENAMED: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// The rules of an Event of the core group.
#[derive(Debug)]
pub struct CoreEvent;

/// The rules of an Event of `events.k8s.io`.
#[derive(Debug)]
pub struct Event;

fn fill(object: &mut Object) {
    let map = object.as_map_mut();
    map.map_made("involvedObject");
    map.map_made("source");
    for time in ["firstTimestamp", "lastTimestamp", "eventTime"] {
        map.fill(time, Json::Null);
    }
    for text in ["reportingComponent", "reportingInstance"] {
        map.fill(text, "");
    }
}

impl Rules for CoreEvent {
    fn names(&self) -> NameRule {
        path_segment
    }

    fn defaults(&self, object: &mut Object) {
        fill(object);
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check(new, "reportingComponent", errors);
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}

impl Rules for Event {
    fn defaults(&self, object: &mut Object) {
        rename(object, |(core, new)| (new, core));
        fill(object);
        rename(object, |names| names);
        object.as_map_mut().drop_empty("note");
        object.as_map_mut().drop_empty("reportingController");
        object.as_map_mut().drop_empty("reportingInstance");
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let mut core = new.clone();
        rename(&mut core, |(core, new)| (new, core));
        check(&core, "reportingController", errors);
        if !core.has("eventTime") {
            errors.required(&Path::new("eventTime"), "");
        }
        let kind = core.text("type");
        if !matches!(kind, "Normal" | "Warning") {
            errors.invalid(&Path::new("type"), "", format!("has invalid value: {kind}"));
        }
        for field in ["firstTimestamp", "lastTimestamp"] {
            if core.has(field) {
                errors.invalid(&Path::new(field), "", "needs to be unset");
            }
        }
        if core.int("count").is_some_and(|count| count != 0) {
            errors.invalid(&Path::new("count"), "", "needs to be unset");
        }
        if core.map("source").is_some_and(|source| !source.is_empty()) {
            errors.invalid(&Path::new("source"), "", "needs to be unset");
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        const FIXED: [&str; 9] = [
            "regarding",
            "reason",
            "note",
            "type",
            "eventTime",
            "action",
            "related",
            "reportingController",
            "reportingInstance",
        ];
        for field in FIXED.iter().filter(|field| new.sub(field) != old.sub(field)) {
            // Two checks find it, and clients know both.
            for _ in 0..2 {
                errors.invalid(&Path::new(field), new.sub(field), "field is immutable");
            }
        }
    }

    fn to_storage(&self, object: &mut Object) -> Result<(), Status> {
        rename(object, |(core, new)| (new, core));
        fill(object);
        object.set("apiVersion", "v1");
        Ok(())
    }

    fn to_served(&self, object: &mut Object) -> Result<(), Status> {
        fill(object);
        rename(object, |names| names);
        for empty in ["note", "reportingController", "reportingInstance"] {
            object.as_map_mut().drop_empty(empty);
        }
        object.set("apiVersion", "events.k8s.io/v1");
        Ok(())
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}

/// Renames fields; `direction` gives the name to take from and the name to give.
fn rename(
    object: &mut Object,
    direction: fn((&'static str, &'static str)) -> (&'static str, &'static str),
) {
    for names in RENAMED {
        let (from, to) = direction(names);
        if let Some(value) = object.remove(from) {
            object.set(to, value);
        }
    }
}

/// Checks an event in the form of the core group; messages name the reporter by `reporter`.
fn check(event: &Object, reporter: &'static str, errors: &mut FieldErrors) {
    let (namespace, of_object) = (event.namespace(), event.sub("involvedObject").text("namespace"));
    let agrees = match (event.has("eventTime"), of_object.is_empty()) {
        // The object is in no namespace: neither is the event, or in the default one.
        (false, true) => matches!(namespace, "" | "default"),
        (true, true) => matches!(namespace, "default" | "kube-system"),
        (false, false) => namespace == of_object,
        (true, false) => true,
    };
    if !agrees {
        let path = Path::new("involvedObject");
        errors.invalid(&path.child("namespace"), of_object, "does not match event.namespace");
    }
    if event.has("eventTime") {
        check_words(event, reporter, errors);
    }
    errors.faults(&Path::new("namespace"), namespace, dns_subdomain(namespace));
}

/// Checks what an event with a time of its own must say.
fn check_words(event: &Object, reporter: &'static str, errors: &mut FieldErrors) {
    let component = event.text("reportingComponent");
    if component.is_empty() {
        errors.required(&Path::new(reporter), "");
    }
    errors.faults(&Path::new(reporter), component, qualified_name(component));
    for field in ["reportingInstance", "action", "reason"] {
        let (word, path) = (event.text(field), Path::new(field));
        if word.is_empty() {
            errors.required(&path, "");
        }
        if word.len() > WORD_MAX {
            errors.invalid(&path, "", format!("can have at most {WORD_MAX} characters"));
        }
    }
    if event.text("message").len() > MESSAGE_MAX {
        let detail = format!("can have at most {MESSAGE_MAX} characters");
        errors.invalid(&Path::new("message"), "", detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_versions_say_the_same() {
        let stored = json!({
            "apiVersion": "v1", "kind": "Event", "involvedObject": {"kind": "Pod"}, "message": "m",
            "source": {"component": "c"}, "firstTimestamp": "t", "lastTimestamp": null, "count": 2,
            "eventTime": null, "reportingComponent": "r", "reportingInstance": "",
        });
        let mut event: Object = serde_json::from_value(stored.clone()).unwrap();
        Event.to_served(&mut event).unwrap();
        assert_eq!(
            event.clone().into_json(),
            json!({
                "apiVersion": "events.k8s.io/v1", "kind": "Event", "regarding": {"kind": "Pod"},
                "note": "m", "deprecatedSource": {"component": "c"}, "eventTime": null,
                "deprecatedFirstTimestamp": "t", "deprecatedLastTimestamp": null,
                "deprecatedCount": 2, "reportingController": "r",
            })
        );
        Event.to_storage(&mut event).unwrap();
        assert_eq!(event.into_json(), stored);
    }
}
