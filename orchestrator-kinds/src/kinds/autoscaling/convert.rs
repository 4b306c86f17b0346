//! Version 1 of an autoscaler from version 2, and back.
//!
//! Version 1 has one metric, how busy processors are. All that it has no field for (other
//! metrics, what was measured, conditions, behavior) it carries in annotations as JSON, in the
//! form of an older version: names of fields differ, and those of the behavior are capitalised.

use orchestrator_core::object::Map;
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::horizontalpodautoscaler::CPU_PERCENT;
use super::metrics;
use crate::fields::{Fields, Fill};

/// The annotation with the metrics that version 1 has no field for.
pub(super) const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// Makes version 1 of an object of version 2.
pub(super) fn to_v1(object: &mut Object) {
    let mut notes: Vec<(&str, String)> = Vec::new();
    let spec = object.map_mut("spec");
    let mut rest = Vec::new();
    for metric in spec.remove("metrics").as_ref().and_then(Json::as_array).into_iter().flatten() {
        match cpu_percent(metric) {
            Some(percent) if !spec.has("targetCPUUtilizationPercentage") => {
                spec.insert("targetCPUUtilizationPercentage".into(), percent.into());
            }
            _ => rest.push(flat_spec(metric)),
        }
    }
    if !rest.is_empty() {
        notes.push((METRICS, list(&rest)));
    }
    if let Some(behavior) = spec.remove("behavior") {
        notes.push((BEHAVIOR, capitalised(&behavior)));
    }
    let status = object.map_mut("status");
    let current = status.remove("currentMetrics").unwrap_or_default();
    for metric in current.as_array().into_iter().flatten() {
        let resource = metric.sub("resource");
        let percent = resource.sub("current").int("averageUtilization");
        if let Some(percent) = percent.filter(|_| resource.text("name") == "cpu") {
            status.insert("currentCPUUtilizationPercentage".into(), percent.into());
        }
    }
    if let Some(current) = current.as_array().filter(|current| !current.is_empty()) {
        let flat: Vec<_> = current.iter().map(flat_status).collect();
        notes.push((CURRENT, list(&flat)));
    }
    if let Some(conditions) = status.remove("conditions") {
        let all: Vec<_> =
            conditions.as_array().into_iter().flatten().map(|c| ordered(c, &CONDITION)).collect();
        notes.push((CONDITIONS, list(&all)));
    }
    status.fill("currentReplicas", 0);
    for (key, text) in notes {
        object.meta_mut().map_made("annotations").insert(key.into(), text.into());
    }
    object.set("apiVersion", "autoscaling/v1");
}

/// Makes version 2 of an object of version 1.
pub(super) fn to_v2(object: &mut Object) {
    let mut note = |key: &str| -> Option<Json> {
        let annotations = object.meta_mut().map_at("annotations")?;
        let text = annotations.remove(key)?;
        if annotations.is_empty() {
            object.meta_mut().remove("annotations");
        }
        serde_json::from_str(text.as_str()?).ok()
    };
    let (rest, current) = (note(METRICS), note(CURRENT));
    let (conditions, behavior) = (note(CONDITIONS), note(BEHAVIOR));
    let spec = object.map_mut("spec");
    let mut all: Vec<Json> =
        rest.as_ref().and_then(Json::as_array).into_iter().flatten().map(deep_spec).collect();
    if let Some(percent) =
        spec.remove("targetCPUUtilizationPercentage").as_ref().and_then(Json::as_i64)
    {
        all.push(metrics::cpu(percent));
    }
    if all.is_empty() {
        all.push(metrics::cpu(CPU_PERCENT));
    }
    spec.insert("metrics".into(), all.into());
    if let Some(behavior) = behavior {
        spec.insert("behavior".into(), lowered(&behavior));
    }
    let status = object.map_mut("status");
    status.remove("currentCPUUtilizationPercentage");
    if status.int("currentReplicas") == Some(0) {
        status.remove("currentReplicas");
    }
    let current = current.as_ref().and_then(Json::as_array);
    let current = current.map(|all| all.iter().map(deep_status).collect::<Vec<_>>());
    status.insert("currentMetrics".into(), current.into());
    if let Some(conditions) = conditions {
        status.insert("conditions".into(), conditions);
    }
    object.set("apiVersion", "autoscaling/v2");
}

/// The wanted share of processors, where the metric is just that.
fn cpu_percent(metric: &Json) -> Option<i64> {
    let resource = metric.sub("resource");
    let is_cpu = metric.text("type") == "Resource" && resource.text("name") == "cpu";
    resource.sub("target").int("averageUtilization").filter(|_| is_cpu)
}

/// The order of fields in annotations.
const CONDITION: [&str; 5] = ["type", "status", "lastTransitionTime", "reason", "message"];

/// The fields of a map that are there, in the given order, as JSON.
fn ordered(map: &Json, fields: &[&str]) -> String {
    let parts: Vec<_> = fields
        .iter()
        .filter(|field| map.as_object().is_some_and(|map| map.contains_key(field)))
        .map(|field| format!("\"{field}\":{}", map.sub(field)))
        .collect();
    format!("{{{}}}", parts.join(","))
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

/// The field that a type of metric has.
fn field_of(kind: &str) -> &'static str {
    match kind {
        "ContainerResource" => "containerResource",
        "External" => "external",
        "Object" => "object",
        "Pods" => "pods",
        _ => "resource",
    }
}

/// Fields of a metric without depth, in order, and where each comes from: a map and a field.
type Flat = &'static [(&'static str, &'static str, &'static str)];

const RESOURCE_SPEC: Flat = &[
    ("name", "", "name"),
    ("targetAverageUtilization", "target", "averageUtilization"),
    ("targetAverageValue", "target", "averageValue"),
    ("container", "", "container"),
];
const PODS_SPEC: Flat = &[
    ("metricName", "metric", "name"),
    ("targetAverageValue", "target", "averageValue"),
    ("selector", "metric", "selector"),
];
const OBJECT_SPEC: Flat = &[
    ("target", "", "describedObject"),
    ("metricName", "metric", "name"),
    ("targetValue", "target", "value"),
    ("selector", "metric", "selector"),
    ("averageValue", "target", "averageValue"),
];
const EXTERNAL_SPEC: Flat = &[
    ("metricName", "metric", "name"),
    ("metricSelector", "metric", "selector"),
    ("targetValue", "target", "value"),
    ("targetAverageValue", "target", "averageValue"),
];
const RESOURCE_STATUS: Flat = &[
    ("name", "", "name"),
    ("currentAverageUtilization", "current", "averageUtilization"),
    ("currentAverageValue", "current", "averageValue"),
    ("container", "", "container"),
];
const PODS_STATUS: Flat = &[
    ("metricName", "metric", "name"),
    ("currentAverageValue", "current", "averageValue"),
    ("selector", "metric", "selector"),
];
const OBJECT_STATUS: Flat = &[
    ("target", "", "describedObject"),
    ("metricName", "metric", "name"),
    ("currentValue", "current", "value"),
    ("selector", "metric", "selector"),
    ("averageValue", "current", "averageValue"),
];
const EXTERNAL_STATUS: Flat = &[
    ("metricName", "metric", "name"),
    ("metricSelector", "metric", "selector"),
    ("currentValue", "current", "value"),
    ("currentAverageValue", "current", "averageValue"),
];

fn spec_fields(kind: &str) -> Flat {
    match kind {
        "Pods" => PODS_SPEC,
        "Object" => OBJECT_SPEC,
        "External" => EXTERNAL_SPEC,
        _ => RESOURCE_SPEC,
    }
}

fn status_fields(kind: &str) -> Flat {
    match kind {
        "Pods" => PODS_STATUS,
        "Object" => OBJECT_STATUS,
        "External" => EXTERNAL_STATUS,
        _ => RESOURCE_STATUS,
    }
}

fn flat_spec(metric: &Json) -> String {
    flat(metric, spec_fields(metric.text("type")))
}

fn flat_status(metric: &Json) -> String {
    flat(metric, status_fields(metric.text("type")))
}

fn flat(metric: &Json, fields: Flat) -> String {
    let kind = metric.text("type");
    let source = metric.sub(field_of(kind));
    let parts: Vec<_> = fields
        .iter()
        .filter_map(|(name, map, field)| {
            let from = if map.is_empty() { source } else { source.sub(map) };
            from.get_set(field).map(|value| format!("\"{name}\":{value}"))
        })
        .collect();
    format!("{{\"type\":{kind:?},\"{}\":{{{}}}}}", field_of(kind), parts.join(","))
}

fn deep_spec(metric: &Json) -> Json {
    let kind = metric.text("type");
    let mut source = deep(metric.sub(field_of(kind)), spec_fields(kind));
    let target = source.map_made("target");
    let target_kind = match (target.has("averageUtilization"), target.has("averageValue")) {
        (true, _) => "Utilization",
        (false, true) => "AverageValue",
        (false, false) => "Value",
    };
    target.insert("type".into(), target_kind.into());
    json!({"type": kind, (field_of(kind)): source})
}

fn deep_status(metric: &Json) -> Json {
    let kind = metric.text("type");
    let mut source = deep(metric.sub(field_of(kind)), status_fields(kind));
    source.map_made("current");
    json!({"type": kind, (field_of(kind)): source})
}

fn deep(source: &Json, fields: Flat) -> Map {
    let mut out = Map::new();
    for (name, map, field) in fields {
        let Some(value) = source.get_set(name) else { continue };
        let into = if map.is_empty() { &mut out } else { out.map_made(map) };
        into.insert((*field).into(), value.clone());
    }
    out
}

/// The behavior with capitalised names, all of them, in order.
fn capitalised(behavior: &Json) -> String {
    let policy = |policy: &Json| {
        format!(
            "{{\"Type\":{},\"Value\":{},\"PeriodSeconds\":{}}}",
            policy.sub("type"),
            policy.sub("value"),
            policy.sub("periodSeconds")
        )
    };
    let rules = |rules: &Json| {
        if rules.is_null() {
            return "null".to_owned();
        }
        let policies: Vec<_> = rules.list("policies").iter().map(policy).collect();
        format!(
            "{{\"StabilizationWindowSeconds\":{},\"SelectPolicy\":{},\"Policies\":{},\
             \"Tolerance\":{}}}",
            rules.sub("stabilizationWindowSeconds"),
            rules.sub("selectPolicy"),
            list(&policies),
            rules.sub("tolerance")
        )
    };
    format!(
        "{{\"ScaleUp\":{},\"ScaleDown\":{}}}",
        rules(behavior.sub("scaleUp")),
        rules(behavior.sub("scaleDown"))
    )
}

/// A tree with names that begin with a small letter, and without nulls.
fn lowered(tree: &Json) -> Json {
    match tree {
        Json::Object(map) => {
            let lower = |name: &str| {
                let (first, rest) = name.split_at(name.len().min(1));
                first.to_lowercase() + rest
            };
            let fields = map.iter().filter(|(_, value)| !value.is_null());
            Json::Object(fields.map(|(name, value)| (lower(name), lowered(value))).collect())
        }
        Json::Array(items) => items.iter().map(lowered).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_version_1_has_no_field_for_goes_through_annotations() {
        let stored = json!({
            "apiVersion": "autoscaling/v2",
            "metadata": {"name": "a"},
            "spec": {
                "maxReplicas": 5,
                "metrics": [
                    {"type": "Resource", "resource": {"name": "memory",
                        "target": {"type": "AverageValue", "averageValue": "100Mi"}}},
                    {"type": "External", "external": {"metric": {"name": "e"},
                        "target": {"type": "Value", "value": "1500m"}}},
                    metrics::cpu(60),
                ],
                "behavior": {"scaleDown": {"selectPolicy": "Max", "policies": [
                    {"type": "Percent", "value": 10, "periodSeconds": 60}]}},
            },
            "status": {"desiredReplicas": 2, "currentMetrics": [{"type": "Resource", "resource":
                {"name": "cpu", "current": {"averageUtilization": 5, "averageValue": "5m"}}}]},
        });
        let mut object: Object = serde_json::from_value(stored.clone()).unwrap();
        to_v1(&mut object);
        assert_eq!(object.sub("spec").int("targetCPUUtilizationPercentage"), Some(60));
        assert_eq!(object.sub("status").int("currentCPUUtilizationPercentage"), Some(5));
        let metrics = object.annotation(METRICS).unwrap();
        let wanted = r#"[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"100Mi"}},{"type":"External","external":{"metricName":"e","targetValue":"1500m"}}]"#;
        assert_eq!(metrics, wanted);
        to_v2(&mut object);
        assert_eq!(object.into_json(), stored);
    }
}
