//! One fully populated object of every kind: what is read must be what was written.

use orchestrator_core::apply::{FieldManager, Write};
use orchestrator_core::patch::{merge, strategic};
use orchestrator_core::schema::{Definition, Schema, decode};
use orchestrator_core::{Json, Object};

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

/// Every fixture that has managed fields, without them.
fn tracked() -> Vec<(String, FieldManager<'static>, Object)> {
    let with_fields = |(name, definition, object): (String, &'static Definition, Json)| {
        let mut object: Object = serde_json::from_value(object).unwrap();
        object.meta("managedFields")?;
        object.meta_mut().remove("managedFields");
        let fields = FieldManager { schema: Schema::builtin(), definition, reset_fields: None };
        Some((name, fields, object))
    };
    all().into_iter().filter_map(with_fields).collect()
}

fn write<'a>(manager: &'a str, object: &'a Object) -> Write<'a> {
    let api_version = object.api_version();
    Write { manager, api_version, subresource: "", now: "2020-01-01T00:00:00Z" }
}

#[test]
fn applying_an_object_twice_changes_nothing() {
    for (name, fields, object) in tracked() {
        let (m, n) = (write("m", &object), write("n", &object));
        let one = fields.apply(None, &object, &m, false);
        let one = one.unwrap_or_else(|error| panic!("{name}: {error}")).object;
        assert!(!fields.apply(Some(&one), &object, &m, false).unwrap().changed, "{name}");
        let shared = fields.apply(Some(&one), &object, &n, false).unwrap();
        assert!(!shared.changed, "{name}");
        // Giving up everything leaves what the other manager still wants.
        let mut nothing = Object::new(object.api_version(), object.kind());
        nothing.set_meta("name", object.name());
        let left = fields.apply(Some(&shared.object), &nothing, &m, false).unwrap();
        assert!(!left.changed, "{name}");
        let gone = fields.apply(Some(&left.object), &nothing, &n, false).unwrap().object;
        assert!(gone.get("spec").is_none() && gone.labels().is_none(), "{name}");
    }
}

#[test]
fn a_created_object_is_tracked_and_an_unchanged_write_is_not() {
    for (name, fields, object) in tracked() {
        let mut created = object.clone();
        fields.update(None, &mut created, &write("m", &object));
        let managers = created.meta("managedFields").and_then(Json::as_array);
        assert_eq!(managers.map(Vec::len), Some(1), "{name}");
        let mut again = created.clone();
        fields.update(Some(&created), &mut again, &write("n", &object));
        assert_eq!(again, created, "{name}");
    }
}
