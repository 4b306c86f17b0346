//! One fully populated object of every kind: what is read must be what was written.

use orchestrator_core::Json;
use orchestrator_core::apply::{FieldManager, Write};
use orchestrator_core::patch::{merge, strategic};
use orchestrator_core::schema::{Definition, Schema, decode};

use crate::shared::{self, difference};

/// Every fixture of a kind that the schema has.
fn all() -> Vec<(String, &'static Definition, Json)> {
    let Some(folder) = shared::folder("fixtures") else { return Vec::new() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".json") || name.contains("after_roundtrip") {
            continue;
        }
        let object: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        if let Some(definition) = Schema::builtin().kind_of(text("apiVersion"), text("kind")) {
            found.push((name, definition, object));
        }
    }
    assert!(found.len() >= 100, "{}", found.len());
    found
}

#[test]
fn decoding_keeps_every_field() {
    for (name, definition, object) in all() {
        let body = object.to_string();
        let decoded = decode::from_slice(Schema::builtin(), definition, body.as_bytes())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(decoded.problems, [], "{name}");
        assert_eq!(difference(&object, &decoded.value), None, "{name}");
    }
}

#[test]
fn an_object_laid_over_itself_does_not_change() {
    for (name, definition, object) in all() {
        let Json::Object(map) = &object else { panic!("{name}") };
        // In a patch, null removes.
        if object.to_string().contains(":null") {
            continue;
        }
        let mut merged = map.clone();
        merge::apply(&mut merged, map.clone());
        assert_eq!(&merged, map, "{name}");
        let merged = strategic::apply(Schema::builtin(), definition, map.clone(), map.clone());
        let merged = merged.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(difference(&Json::Object(merged), &object), None, "{name}");
    }
}

#[test]
fn applying_an_object_twice_changes_nothing() {
    for (name, definition, mut object) in all() {
        let Some(metadata) = object["metadata"].as_object_mut() else { continue };
        if metadata.remove("managedFields").is_none() {
            continue;
        }
        let api_version = object["apiVersion"].as_str().unwrap().to_owned();
        let write = Write {
            manager: "m",
            api_version: &api_version,
            subresource: "",
            now: "2020-01-01T00:00:00Z",
        };
        let fields = FieldManager { schema: Schema::builtin(), definition, reset_fields: None };
        let one = fields
            .apply(None, &object, &write, false)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .object;
        let two = fields.apply(Some(&one), &object, &write, false).unwrap();
        assert!(!two.changed, "{name}: {:?}", difference(&one, &two.object));
        let other = Write { manager: "n", ..write };
        let shared = fields.apply(Some(&one), &object, &other, false).unwrap();
        assert!(!shared.changed, "{name}");
        // Giving up everything leaves what the other manager still wants.
        let nothing = serde_json::json!({"apiVersion": object["apiVersion"],
            "kind": object["kind"], "metadata": {"name": object["metadata"]["name"]}});
        let left = fields.apply(Some(&shared.object), &nothing, &write, false).unwrap();
        assert!(!left.changed, "{name}: {:?}", difference(&one, &left.object));
        let gone = fields.apply(Some(&left.object), &nothing, &other, false).unwrap().object;
        assert_eq!(gone.get("spec").filter(|_| name.starts_with("apps.v1.Dep")), None, "{name}");
    }
}

#[test]
fn a_created_object_is_tracked_and_an_unchanged_write_is_not() {
    for (name, definition, mut object) in all() {
        let Some(metadata) = object["metadata"].as_object_mut() else { continue };
        metadata.remove("managedFields");
        let fields = FieldManager { schema: Schema::builtin(), definition, reset_fields: None };
        let write = |manager| Write {
            manager,
            api_version: "v1",
            subresource: "",
            now: "2020-01-01T00:00:00Z",
        };
        fields.update(None, &mut object, &write("m"));
        assert_eq!(object["metadata"]["managedFields"].as_array().map(Vec::len), Some(1), "{name}");
        let mut again = object.clone();
        fields.update(Some(&object), &mut again, &write("n"));
        assert_eq!(again, object, "{name}");
    }
}
