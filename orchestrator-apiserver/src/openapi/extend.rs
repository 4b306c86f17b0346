//! What Kubernetes adds to the plain schemas: kinds, list types, merge keys.
//!
//! The facts come from the same [`Schema`] that decodes bodies and merges patches, so what is
//! published is what is done.

use orchestrator_core::Json;
use orchestrator_core::object::{Map, map_entry};
use orchestrator_core::schema::{Definition, Field, ListKind, MapKind, Schema, Type};
use serde_json::json;

use super::render;
use super::types::{SCHEMAS, definitions};

/// The published form of the definition `name` of `schema`; `None` where there is none.
pub(super) fn definition(schema: &Schema, name: &str) -> Option<Json> {
    let facts = schema.definition(name);
    if let (Some(source), Some(facts)) = (schema.source(), facts)
        && let Some(gvk) = facts.kinds.first()
    {
        return Some(super::custom::definition(source, gvk));
    }
    let mut published = match (definitions().get(name), facts) {
        (Some(described), _) => described.clone(),
        (None, Some(facts)) => render::definition(schema, facts),
        (None, None) => return None,
    };
    if let Some(facts) = facts {
        extend(&mut published, facts);
        if let Some(alias) = facts.alias {
            render::spell_out(alias, &mut published);
        }
    }
    wrap_references(&mut published);
    Some(published)
}

fn extend(published: &mut Json, facts: &Definition) {
    let Some(map) = published.as_object_mut() else { return };
    if !facts.kinds.is_empty() {
        let kinds: Vec<Json> = facts
            .kinds
            .iter()
            .filter(|gvk| gvk.group != "*")
            .map(|gvk| json!({"group": gvk.group, "version": gvk.version, "kind": gvk.kind}))
            .collect();
        map.insert("x-kubernetes-group-version-kind".into(), kinds.into());
        // A top-level object needs none of its fields: the server fills in kind and version.
        if facts.field("items").is_none() {
            map.remove("required");
        }
    }
    if facts.map == MapKind::Atomic {
        map.insert("x-kubernetes-map-type".into(), "atomic".into());
    }
    let Some(Json::Object(properties)) = map.get_mut("properties") else { return };
    for field in &facts.fields {
        if let Some(Json::Object(property)) = properties.get_mut(&field.name) {
            extend_field(property, field);
        }
    }
}

fn extend_field(property: &mut Map, field: &Field) {
    if let Some(default) = &field.default {
        property.insert("default".into(), Json::clone(default));
    }
    match &field.ty {
        Type::List(list) => list_type(property, &list.kind),
        Type::Map(mapping) if mapping.kind == MapKind::Atomic => {
            property.insert("x-kubernetes-map-type".into(), "atomic".into());
        }
        Type::Ref(_, MapKind::Atomic) => {
            property.insert("x-kubernetes-map-type".into(), "atomic".into());
        }
        _ => {}
    }
    if let Some(key) = &field.patch.merge_key {
        property.insert("x-kubernetes-patch-merge-key".into(), key.as_ref().into());
    }
    let rule = &field.patch;
    let words =
        [(rule.merge, "merge"), (rule.retain_keys, "retainKeys"), (rule.replace, "replace")];
    let words: Vec<&str> = words.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
    if !words.is_empty() {
        property.insert("x-kubernetes-patch-strategy".into(), words.join(",").into());
    }
}

fn list_type(property: &mut Map, kind: &ListKind) {
    let word = match kind {
        ListKind::Undeclared => return,
        ListKind::Atomic => "atomic",
        ListKind::Set => "set",
        ListKind::Map(keys) => {
            let keys: Vec<Json> = keys.iter().map(|key| key.as_ref().into()).collect();
            property.insert("x-kubernetes-list-map-keys".into(), keys.into());
            "map"
        }
    };
    property.insert("x-kubernetes-list-type".into(), word.into());
}

/// In OpenAPI 3.0 nothing may stand beside `$ref`, so a described reference is wrapped.
fn wrap_references(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(wrap_references),
        Json::Object(map) => {
            map.values_mut().for_each(wrap_references);
            if map.len() > 1
                && let Some(target) = map.get("$ref").and_then(Json::as_str)
                && target.starts_with(SCHEMAS)
            {
                let target = target.to_owned();
                map.remove("$ref");
                map.insert("allOf".into(), json!([{ "$ref": target }]));
            }
        }
        _ => {}
    }
}

/// The definition of a list of `item`, which is the full name of a kind's definition.
pub(super) fn list(schema: &Schema, item: &str, kind: &Json) -> Json {
    let meta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
    let described = definitions().get(item);
    let text = |name: &str| {
        let path = format!("/properties/{name}/description");
        described.and_then(|d| d.pointer(&path)).cloned().unwrap_or_else(|| "".into())
    };
    let mut list = json!({
        "type": "object",
        "description": "A list of objects of one kind, at one version of the collection.",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": text("apiVersion")},
            "kind": {"type": "string", "description": text("kind")},
            "metadata": {"allOf": [{"$ref": format!("{SCHEMAS}{meta}")}], "default": {}},
            "items": {
                "type": "array",
                "items": {"allOf": [{"$ref": format!("{SCHEMAS}{item}")}], "default": {}},
            },
        },
        "x-kubernetes-group-version-kind": [kind],
    });
    if let Some(facts) = schema.definition(&format!("{item}List")) {
        let properties = map_entry(list.as_object_mut().expect("made as an object"), "properties");
        let items = facts.field("items").zip(properties.get_mut("items"));
        if let Some((field, Json::Object(property))) = items {
            extend_field(property, field);
        }
    }
    list
}
