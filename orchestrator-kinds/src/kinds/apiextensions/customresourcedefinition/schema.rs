//! The schema of a kind that is made at run time: it must be structural.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::report::Report;

/// How deep schemas may nest.
const DEPTH_MAX: usize = 100;
const QUANTIFIERS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Checks the schema of a whole object.
pub(super) fn check_root(schema: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check(schema, path, true, 0, errors);
    match schema.text("type") {
        "object" => {}
        "" => errors.required(&path.child("type"), "must not be empty at the root"),
        other => errors.invalid(&path.child("type"), other, "must be object at the root"),
    }
}

fn check(schema: &Json, path: &Path<'_>, root: bool, depth: usize, errors: &mut FieldErrors) {
    if depth > DEPTH_MAX {
        errors.forbidden(path, format!("must not nest deeper than {DEPTH_MAX} levels"));
        return;
    }
    check_words(schema, path, errors);
    check_list(schema, path, errors);
    if root {
        check_metadata(schema, path, errors);
    }
    let properties = path.child("properties");
    for (name, property) in schema.entries("properties") {
        let path = properties.key(name);
        // What an object's metadata and kind are is known.
        let known = root && matches!(name, "metadata" | "kind" | "apiVersion");
        if !known {
            check_type(property, "object fields", &path, errors);
        }
        check(property, &path, false, depth + 1, errors);
    }
    if let Some(items) = schema.get_set("items") {
        let path = path.child("items");
        check_type(items, "array items", &path, errors);
        check(items, &path, false, depth + 1, errors);
    }
    if let Some(values) = schema.get_set("additionalProperties").filter(|v| v.is_object()) {
        let path = path.child("additionalProperties");
        if schema.map("properties").is_some_and(|properties| !properties.is_empty()) {
            errors.forbidden(&path, "additionalProperties and properties are mutual exclusive");
        }
        check_type(values, "object fields", &path, errors);
        check(values, &path, false, depth + 1, errors);
    }
    check_quantified(schema, path, depth, errors);
}

fn check_type(schema: &Json, of: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let loose = schema.flag("x-kubernetes-int-or-string")
        || schema.flag("x-kubernetes-preserve-unknown-fields");
    if schema.text("type").is_empty() && !loose {
        let detail = format!("must not be empty for specified {of}");
        errors.required(&path.child("type"), detail);
    }
}

fn check_words(schema: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if schema.flag("uniqueItems") {
        const DETAIL: &str =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.forbidden(&path.child("uniqueItems"), DETAIL);
    }
    if schema.sub("additionalProperties").as_bool() == Some(false) {
        let detail = "additionalProperties cannot be set to false";
        errors.forbidden(&path.child("additionalProperties"), detail);
    }
    for word in ["dependencies", "patternProperties", "definitions", "$ref", "id"] {
        if schema.has(word) {
            errors.forbidden(&path.child(word), format!("{word} is not supported"));
        }
    }
    const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
    let kind = schema.text("type");
    if kind == "null" {
        errors.forbidden(
            &path.child("type"),
            "type cannot be set to null, use nullable as an alternative",
        );
    } else if !kind.is_empty() && !TYPES.contains(&kind) {
        errors.unsupported(&path.child("type"), kind, &TYPES);
    }
    if kind == "array" && !schema.has("items") {
        errors.required(&path.child("items"), "must be specified");
    }
}

fn check_list(schema: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let at = path.child("x-kubernetes-list-map-keys");
    let keys = schema.list("x-kubernetes-list-map-keys");
    match schema.sub("x-kubernetes-list-type").as_str() {
        Some("map") => {
            if keys.is_empty() {
                let detail = "must not be empty if x-kubernetes-list-type is map";
                errors.required(&at, detail);
            }
            let items = schema.sub("items");
            for (i, key) in schema.texts("x-kubernetes-list-map-keys").enumerate() {
                if !items.sub("properties").has(key) {
                    let detail = "entries must all be names of item properties";
                    errors.invalid(&at.index(i), key, detail);
                }
            }
        }
        Some("atomic" | "set") | None if !keys.is_empty() => {
            errors.forbidden(&at, "must be empty if x-kubernetes-list-type is not map");
        }
        Some("atomic" | "set") | None => {}
        Some(other) => {
            let path = path.child("x-kubernetes-list-type");
            errors.unsupported(&path, other, &["atomic", "map", "set"]);
        }
    }
}

/// Of the metadata, a schema may restrict the names only.
fn check_metadata(schema: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let metadata = schema.sub("properties").sub("metadata");
    if metadata.entries("properties").any(|(name, _)| !matches!(name, "name" | "generateName")) {
        let path = path.child("properties");
        const DETAIL: &str = "must not specify anything other than name and generateName, but \
                              metadata is implicitly specified";
        errors.forbidden(&path.key("metadata"), DETAIL);
    }
}

/// Inside of `allOf` and the like a schema restricts values and describes nothing.
fn check_quantified(schema: &Json, path: &Path<'_>, depth: usize, errors: &mut FieldErrors) {
    for quantifier in QUANTIFIERS {
        let path = path.child(quantifier);
        for (i, part) in schema.list(quantifier).iter().enumerate() {
            check_restriction(part, &path.index(i), depth + 1, errors);
        }
    }
    if let Some(part) = schema.get_set("not") {
        check_restriction(part, &path.child("not"), depth + 1, errors);
    }
}

fn check_restriction(schema: &Json, path: &Path<'_>, depth: usize, errors: &mut FieldErrors) {
    if depth > DEPTH_MAX {
        return;
    }
    for word in ["additionalProperties", "default", "description", "nullable", "title", "type"] {
        let int_or_string = word == "type" && depth > 0 && schema.text("type") != "object";
        if schema.has(word) && !int_or_string {
            errors.forbidden(&path.child(word), "must be undefined to be structural");
        }
    }
    for (name, property) in schema.entries("properties") {
        check_restriction(property, &path.child("properties").key(name), depth + 1, errors);
    }
}
