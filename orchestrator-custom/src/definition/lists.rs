//! The declarations by which lists and maps merge.

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;
use serde_json::json;

use crate::report::{At, forbidden, invalid, invalid_verbatim, required, unsupported};
use crate::value::Fields;

const LIST_TYPE: &str = "x-kubernetes-list-type";
const KEYS: &str = "x-kubernetes-list-map-keys";
const MAP_TYPE: &str = "x-kubernetes-map-type";

/// Checks the declarations of one schema.
pub(super) fn check(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(false)) {
        at.field("x-kubernetes-preserve-unknown-fields", |at| {
            errors.push(invalid(at.path(), Some(&json!(false)), "must be true or undefined"));
        });
    }
    map(schema, at, errors);
    list(schema, at, errors);
    keys(schema, at, errors);
    items(schema, at, errors);
}

/// The declaration `word` goes with the type `wanted`; whether it does.
fn goes_with(
    schema: &Json,
    word: &str,
    wanted: &str,
    at: &mut At,
    errors: &mut FieldErrors,
) -> bool {
    let ty = schema.text("type");
    if ty == wanted {
        return true;
    }
    let why = format!("must be {wanted} if {word} is specified");
    at.field("type", |at| {
        errors.push(match ty {
            "" => required(at.path(), &why),
            _ => invalid(at.path(), Some(schema.sub("type")), &why),
        });
    });
    false
}

fn map(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    if !schema.has(MAP_TYPE) {
        return;
    }
    goes_with(schema, MAP_TYPE, "object", at, errors);
    const KINDS: [&str; 2] = ["atomic", "granular"];
    if !KINDS.contains(&schema.text(MAP_TYPE)) {
        at.field(MAP_TYPE, |at| {
            errors.push(unsupported(at.path(), schema.sub(MAP_TYPE), &KINDS));
        });
    }
}

fn list(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    if !schema.has(LIST_TYPE) {
        return;
    }
    let kind = schema.text(LIST_TYPE);
    if goes_with(schema, LIST_TYPE, "array", at, errors) && kind == "set" {
        set(schema.sub("items"), at, errors);
    }
    const KINDS: [&str; 3] = ["atomic", "map", "set"];
    if !KINDS.contains(&kind) {
        at.field(LIST_TYPE, |at| {
            errors.push(unsupported(at.path(), schema.sub(LIST_TYPE), &KINDS));
        });
    }
}

/// The items of a set are compared as a whole.
fn set(items: &Json, at: &mut At, errors: &mut FieldErrors) {
    let word = match items.text("type") {
        "array" if !matches!(items.text(LIST_TYPE), "" | "atomic") => LIST_TYPE,
        "object" if items.text(MAP_TYPE) != "atomic" => MAP_TYPE,
        _ => return,
    };
    let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
    at.field("items", |at| {
        at.field(word, |at| errors.push(invalid(at.path(), Some(items.sub(LIST_TYPE)), why)));
    });
}

fn keys(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    let (kind, keys) = (schema.text(LIST_TYPE), schema.list(KEYS));
    if !keys.is_empty() && kind != "map" {
        let why = "must be map if x-kubernetes-list-map-keys is non-empty";
        at.field(LIST_TYPE, |at| {
            errors.push(match schema.has(LIST_TYPE) {
                true => invalid(at.path(), Some(schema.sub(LIST_TYPE)), why),
                false => required(at.path(), why),
            });
        });
    }
    if kind != "map" {
        return;
    }
    if keys.is_empty() {
        let why = "must not be empty if x-kubernetes-list-type is map";
        at.field(KEYS, |at| errors.push(required(at.path(), why)));
    }
    let items = schema.sub("items");
    if !items.is_object() {
        let why = "must have a schema if x-kubernetes-list-type is map";
        at.field("items", |at| errors.push(required(at.path(), why)));
    } else if items.text("type") != "object" {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        let found = json!(items.text("type"));
        at.field("items", |at| {
            at.field("type", |at| errors.push(invalid(at.path(), Some(&found), why)));
        });
    } else {
        key_fields(schema, at, errors);
    }
}

fn key_fields(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    let items = schema.sub("items");
    let shown = schema.sub(KEYS).to_string();
    let mut seen = Vec::new();
    for key in schema.texts(KEYS) {
        match items.sub("properties").sub(key) {
            Json::Null => {
                let why = "entries must all be names of item properties";
                at.field(KEYS, |at| errors.push(invalid_verbatim(at.path(), &shown, why)));
            }
            field if matches!(field.text("type"), "array" | "object") => {
                let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                at_key(key, at, "type", |at| {
                    errors.push(invalid(at.path(), Some(items.sub("type")), why));
                });
            }
            _ => {}
        }
        if seen.contains(&key) {
            let why = "must not contain duplicate entries";
            at.field(KEYS, |at| errors.push(invalid_verbatim(at.path(), &shown, why)));
        }
        seen.push(key);
    }
}

fn at_key(key: &str, at: &mut At, word: &str, look: impl FnOnce(&mut At)) {
    at.field("items", |at| {
        at.field("properties", |at| at.key(key, |at| at.field(word, look)));
    });
}

/// Items that are told apart must be there, and have all that tells them apart.
fn items(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    let (kind, items) = (schema.text(LIST_TYPE), schema.sub("items"));
    if !matches!(kind, "set" | "map") || !items.is_object() {
        return;
    }
    if items.flag("nullable") {
        let why = format!("cannot be nullable when x-kubernetes-list-type is {kind}");
        at.field("items", |at| {
            at.field("nullable", |at| errors.push(forbidden(at.path(), &why)));
        });
    }
    if kind == "set" {
        return;
    }
    let is_required = |key: &str| items.texts("required").any(|name| name == key);
    for key in schema.texts(KEYS) {
        let field = items.sub("properties").sub(key);
        if field.is_null() {
            continue;
        }
        if !is_required(key) && !field.has("default") {
            let why = "this property is in x-kubernetes-list-map-keys, so it must have a default \
                       or be a required property";
            at_key(key, at, "default", |at| errors.push(required(at.path(), why)));
        }
        if field.flag("nullable") {
            let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            at_key(key, at, "nullable", |at| errors.push(forbidden(at.path(), why)));
        }
    }
}
