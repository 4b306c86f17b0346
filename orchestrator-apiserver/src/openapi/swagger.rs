//! The same documents in the older form, OpenAPI v2.

use orchestrator_core::Json;
use orchestrator_core::object::{Key, Map};
use serde_json::json;

use super::types::SCHEMAS;
use super::{custom, types};

/// One v2 document of all paths and schemas of the v3 documents.
pub(super) fn document(version: &str, paths: Map, schemas: Map) -> Json {
    let mut schemas = schemas;
    let own = |name: &str| !types::definitions().contains_key(name);
    let custom = schemas.iter_mut().filter(|(name, _)| own(name.as_str()));
    custom.for_each(|(_, schema)| custom::simplify(schema));
    let mut definitions = Json::Object(schemas);
    references(&mut definitions);
    let paths: Map = paths.into_iter().map(|(path, item)| (path, path_item(item))).collect();
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": paths,
        "definitions": definitions,
    })
}

/// v2 keeps schemas in another place, and lets a description stand beside a reference.
fn references(value: &mut Json) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(references),
        Json::Object(map) => {
            map.values_mut().for_each(references);
            // v2 knows no alternatives: what may be a number is a text.
            if map.remove("oneOf").is_some() {
                map.insert("type".into(), "string".into());
            }
            let wrapped = map.get("allOf").and_then(|all| all.get(0)?.get("$ref")).cloned();
            if let Some(target) = wrapped {
                map.remove("allOf");
                map.remove("default");
                map.insert("$ref".into(), target);
            }
            if let Some(Json::String(target)) = map.get_mut("$ref")
                && let Some(name) = target.strip_prefix(SCHEMAS)
            {
                *target = format!("#/definitions/{name}");
            }
        }
        _ => {}
    }
}

fn path_item(item: Json) -> Json {
    let Json::Object(item) = item else { return item };
    let convert = |(key, value): (Key, Json)| match key.as_str() {
        "parameters" => (key, parameters(&value).into()),
        _ => (key, operation(value)),
    };
    Json::Object(item.into_iter().map(convert).collect())
}

/// A parameter of v2 has its type beside its name.
fn parameters(list: &Json) -> Vec<Json> {
    let flat = |parameter: &Json| {
        let mut parameter = parameter.as_object().cloned().unwrap_or_default();
        if let Some(Json::Object(schema)) = parameter.remove("schema") {
            parameter.extend(schema);
        }
        Json::Object(parameter)
    };
    list.as_array().into_iter().flatten().map(flat).collect()
}

fn operation(operation: Json) -> Json {
    let Json::Object(mut operation) = operation else { return operation };
    let mut list = parameters(operation.get("parameters").unwrap_or(&Json::Null));
    let mut consumes = vec![Json::from("*/*")];
    if let Some(body) = operation.remove("requestBody") {
        let content = body["content"].as_object().cloned().unwrap_or_default();
        let mut schema = content.values().next().map(|c| c["schema"].clone()).unwrap_or_default();
        references(&mut schema);
        let required = body["required"] == true;
        list.push(json!({"name": "body", "in": "body", "required": required, "schema": schema}));
        consumes = content.keys().map(|media| media.as_str().into()).collect();
    }
    let mut schema = operation["responses"]["200"]["content"]["application/json"]["schema"].take();
    references(&mut schema);
    operation.insert("responses".into(), json!({"200": {"description": "OK", "schema": schema}}));
    operation.insert("parameters".into(), list.into());
    operation.insert("consumes".into(), consumes.into());
    operation.insert("produces".into(), json!(["application/json", "application/yaml"]));
    operation.insert("schemes".into(), json!(["https"]));
    Json::Object(operation)
}
