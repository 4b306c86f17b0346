//! Events, in the forms of both groups.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{name, number};

/// What the two forms call the same things.
struct Names {
    object: &'static str,
    message: &'static str,
    first: &'static str,
    last: &'static str,
    count: &'static str,
    source: &'static str,
}

pub(super) fn core(event: &Object, now: Timestamp) -> Vec<Json> {
    const NAMES: Names = Names {
        object: "involvedObject",
        message: "message",
        first: "firstTimestamp",
        last: "lastTimestamp",
        count: "count",
        source: "source",
    };
    row(event, now, &NAMES)
}

pub(super) fn modern(event: &Object, now: Timestamp) -> Vec<Json> {
    const NAMES: Names = Names {
        object: "regarding",
        message: "note",
        first: "deprecatedFirstTimestamp",
        last: "deprecatedLastTimestamp",
        count: "deprecatedCount",
        source: "deprecatedSource",
    };
    row(event, now, &NAMES)
}

fn row(event: &Object, now: Timestamp, names: &Names) -> Vec<Json> {
    let time = |field: &str| match event.text_at(&[field]) {
        "" => event.text_at(&["eventTime"]),
        time => time,
    };
    let last = match event.text_at(&["series", "lastObservedTime"]) {
        "" => time(names.last),
        observed => observed,
    };
    let series = event.int_at(&["series", "count"]);
    let count = series.unwrap_or_else(|| number(event, &[names.count]).max(1));
    vec![
        age::since(last, now).into(),
        event.text_at(&["type"]).into(),
        event.text_at(&["reason"]).into(),
        object(event, names).into(),
        event.text_at(&[names.object, "fieldPath"]).into(),
        source(event, names).into(),
        event.text_at(&[names.message]).trim().into(),
        age::since(time(names.first), now).into(),
        count.into(),
        name(event),
    ]
}

fn object(event: &Object, names: &Names) -> String {
    let kind = event.text_at(&[names.object, "kind"]).to_lowercase();
    match event.text_at(&[names.object, "name"]) {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(event: &Object, names: &Names) -> String {
    let component = match event.text_at(&[names.source, "component"]) {
        "" => match event.text_at(&["reportingController"]) {
            "" => event.text_at(&["reportingComponent"]),
            controller => controller,
        },
        component => component,
    };
    let host = match event.text_at(&[names.source, "host"]) {
        "" => event.text_at(&["reportingInstance"]),
        host => host,
    };
    let parts: Vec<&str> = [component, host].into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}
