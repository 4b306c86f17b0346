//! Custom resources in the documents: their schemas as the definitions state them.

use orchestrator_core::Json;
use orchestrator_core::object::Map;
use orchestrator_core::schema::Gvk;
use serde_json::json;

use super::types::{SCHEMAS, definitions};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The published form of the schema `source` of a kind.
pub(super) fn definition(source: &Json, gvk: &Gvk) -> Json {
    let mut published = source.clone();
    embed(&mut published, true);
    if let Some(map) = published.as_object_mut() {
        map.entry("type").or_insert(json!("object"));
        let kind = json!({"group": gvk.group, "version": gvk.version, "kind": gvk.kind});
        map.insert("x-kubernetes-group-version-kind".into(), json!([kind]));
    }
    published
}

/// Adds the fields that every object has to those that the schema states.
fn embed(schema: &mut Json, is_object: bool) {
    let Some(map) = schema.as_object_mut() else { return };
    let is_embedded = map.get("x-kubernetes-embedded-resource") == Some(&json!(true));
    for word in ["properties", "items", "additionalProperties"] {
        match map.get_mut(word) {
            Some(Json::Object(below)) if word == "properties" => {
                below.values_mut().for_each(|property| embed(property, false));
            }
            Some(below) => embed(below, false),
            None => {}
        }
    }
    if is_object || is_embedded {
        let properties = map.entry("properties").or_insert(json!({}));
        if let Json::Object(properties) = properties {
            fields_of_all(properties);
        }
    }
}

fn fields_of_all(properties: &mut Map) {
    let described = definitions().get("io.k8s.api.core.v1.ConfigMap");
    for name in ["apiVersion", "kind"] {
        let path = format!("/properties/{name}/description");
        let words = described.and_then(|kind| kind.pointer(&path)).cloned().unwrap_or_default();
        let field = json!({"type": "string", "description": words});
        properties.insert(name.into(), field);
    }
    let words = "Standard object's metadata.";
    let reference = json!([{"$ref": format!("{SCHEMAS}{META}")}]);
    properties.insert("metadata".into(), json!({"allOf": reference, "description": words}));
}

/// Takes from a schema what the older form of documents cannot say, so that clients which check
/// by it refuse nothing that the server takes.
pub(super) fn simplify(schema: &mut Json) {
    let Some(map) = schema.as_object_mut() else { return };
    let is_set = |map: &Map, word: &str| map.get(word) == Some(&json!(true));
    let is_reference = map
        .get("allOf")
        .and_then(|all| all.get(0))
        .is_some_and(|first| first.get("$ref").is_some());
    if !is_reference {
        for word in ["allOf", "anyOf", "oneOf", "not"] {
            map.remove(word);
        }
    }
    if is_set(map, "nullable") {
        for word in ["nullable", "type", "items", "properties", "additionalProperties"] {
            map.remove(word);
        }
    }
    if is_set(map, "x-kubernetes-int-or-string") {
        map.remove("type");
    }
    if is_set(map, "x-kubernetes-preserve-unknown-fields") {
        for word in ["items", "properties"] {
            map.remove(word);
        }
    }
    for word in ["items", "additionalProperties"] {
        if let Some(below) = map.get_mut(word) {
            simplify(below);
        }
    }
    if let Some(Json::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(simplify);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_published_with_what_every_object_has() {
        let source = json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {"a": {"type": "string", "nullable": true},
                "o": {"type": "object", "x-kubernetes-embedded-resource": true}}}}});
        let gvk = Gvk { group: "g.io".into(), version: "v1".into(), kind: "A".into() };
        let mut published = definition(&source, &gvk);
        assert_eq!(published["x-kubernetes-group-version-kind"][0]["kind"], "A");
        assert!(published.pointer("/properties/metadata/allOf/0/$ref").is_some());
        assert!(published.pointer("/properties/spec/properties/o/properties/kind").is_some());
        assert!(published.pointer("/properties/spec/properties/metadata").is_none());
        simplify(&mut published);
        assert_eq!(published.pointer("/properties/spec/properties/a"), Some(&json!({})));
        assert!(published.pointer("/properties/metadata/allOf/0/$ref").is_some());
    }
}
