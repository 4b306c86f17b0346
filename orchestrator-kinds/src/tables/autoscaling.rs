//! Autoscalers, in both versions.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{NONE, UNSET, list, name, number, text};

/// How many metrics a cell shows.
const SHOWN: usize = 2;

pub(super) fn v1(object: &Object, now: Timestamp) -> Vec<Json> {
    let percent = |path: &[&str]| match object.int_at(path) {
        Some(percent) => format!("{percent}%"),
        None => "<unknown>".into(),
    };
    let target = match object.int_at(&["spec", "targetCPUUtilizationPercentage"]) {
        None => NONE.to_owned(),
        Some(wanted) => {
            format!("cpu: {}/{wanted}%", percent(&["status", "currentCPUUtilizationPercentage"]))
        }
    };
    row(object, target, now)
}

pub(super) fn v2(object: &Object, now: Timestamp) -> Vec<Json> {
    let current: Vec<&Json> = list(object, &["status", "currentMetrics"]).collect();
    let specs: Vec<&Json> = list(object, &["spec", "metrics"]).collect();
    let shown: Vec<String> = specs
        .iter()
        .take(SHOWN)
        .enumerate()
        .map(|(index, spec)| metric(spec, current.get(index).copied()))
        .collect();
    let target = match specs.len() {
        0 => NONE.to_owned(),
        count if count > SHOWN => format!("{} + {} more...", shown.join(", "), count - SHOWN),
        _ => shown.join(", "),
    };
    row(object, target, now)
}

fn row(object: &Object, target: String, now: Timestamp) -> Vec<Json> {
    let reference = |field: &str| object.text_at(&["spec", "scaleTargetRef", field]);
    let min = match object.int_at(&["spec", "minReplicas"]) {
        Some(min) => min.to_string(),
        None => UNSET.into(),
    };
    vec![
        name(object),
        format!("{}/{}", reference("kind"), reference("name")).into(),
        target.into(),
        min.into(),
        number(object, &["spec", "maxReplicas"]).into(),
        number(object, &["status", "currentReplicas"]).into(),
        age::of(object, now),
    ]
}

/// One metric as `current/target`, with the resource's name where it has one.
fn metric(spec: &Json, current: Option<&Json>) -> String {
    let source = match text(spec, "type") {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        _ => return "<unknown type>".into(),
    };
    let target = &spec[source]["target"];
    let now = current.map_or(&Json::Null, |metric| &metric[source]["current"]);
    let title = match source {
        "resource" | "containerResource" => format!("{}: ", text(&spec[source], "name")),
        _ => String::new(),
    };
    let (wanted, suffix) = match (&target["averageUtilization"], &target["averageValue"]) {
        (Json::Number(percent), _) => (format!("{percent}%"), "averageUtilization"),
        (_, Json::String(value)) => (value.clone(), "averageValue"),
        _ => (text(target, "value").to_owned(), "value"),
    };
    let have = match &now[suffix] {
        Json::Number(percent) => format!("{percent}%"),
        Json::String(value) => value.clone(),
        _ => "<unknown>".into(),
    };
    let average = match (source, suffix) {
        ("object" | "external", "averageValue") => " (avg)",
        _ => "",
    };
    format!("{title}{have}/{wanted}{average}")
}
