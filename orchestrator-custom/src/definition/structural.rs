//! Structural schemas: outside of `allOf` and the like every value has a type, inside of them
//! nothing is described.

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;
use serde_json::json;

use super::{completeness, restriction};
use crate::report::{At, forbidden, invalid, required};
use crate::schema::Pattern;
use crate::value::Fields;

/// Where a schema stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Root,
    Field,
    Item,
}

/// All that keeps the schema at `at` from being structural, sorted.
pub(super) fn check(schema: &Json, at: &mut At) -> FieldErrors {
    let mut errors = FieldErrors::new();
    node(schema, Level::Root, at, &mut errors);
    completeness::check(schema, at, &mut errors);
    errors.sort_by_cached_key(ToString::to_string);
    errors
}

fn node(schema: &Json, level: Level, at: &mut At, errors: &mut FieldErrors) {
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        at.field("items", |at| node(items, Level::Item, at, errors));
    }
    at.field("properties", |at| {
        for (name, property) in schema.entries("properties") {
            at.key(name, |at| node(property, Level::Field, at, errors));
        }
    });
    additional(schema, level, at, errors);
    extensions(schema, at, errors);
    restrictions(schema, at, errors);
    types(schema, level, at, errors);
    if level == Level::Root || schema.flag("x-kubernetes-embedded-resource") {
        known_fields(schema, at, errors);
    }
    let is_open = schema.flag("x-kubernetes-preserve-unknown-fields");
    if schema.flag("x-kubernetes-embedded-resource")
        && !is_open
        && schema.entries("properties").next().is_none()
    {
        let why = "must not be empty if x-kubernetes-embedded-resource is true without \
                   x-kubernetes-preserve-unknown-fields";
        at.field("properties", |at| errors.push(required(at.path(), why)));
    }
}

fn additional(schema: &Json, level: Level, at: &mut At, errors: &mut FieldErrors) {
    let additional = schema.sub("additionalProperties");
    if additional.is_null() {
        return;
    }
    at.field("additionalProperties", |at| {
        if level == Level::Root {
            errors.push(forbidden(at.path(), "must not be used at the root"));
        }
        if schema.flag("x-kubernetes-embedded-resource") {
            let why = "must not be used if x-kubernetes-embedded-resource is set";
            errors.push(forbidden(at.path(), why));
        }
        if additional.is_object() {
            node(additional, Level::Field, at, errors);
        }
    });
}

fn extensions(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    if !schema.flag("x-kubernetes-int-or-string") {
        return;
    }
    for word in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
        if schema.flag(word) {
            let why = "must be false if x-kubernetes-int-or-string is true";
            at.field(word, |at| errors.push(invalid(at.path(), Some(&json!(true)), why)));
        }
    }
}

/// Checks what the schema demands of values, which describes nothing.
fn restrictions(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    let either = |part: &Json| {
        let types: Vec<&str> = part.list("anyOf").iter().map(|one| one.text("type")).collect();
        types == ["integer", "string"]
    };
    let is_either = schema.flag("x-kubernetes-int-or-string");
    let skip_any = is_either && either(schema);
    let skip_first = is_either && schema.list("allOf").first().is_some_and(either);
    restriction::quantified(schema, skip_any, skip_first, at, errors);
    pattern(schema, at, errors);
}

/// Checks the pattern of a schema.
pub(super) fn pattern(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    if let Some(fault) = Pattern::fault(schema.text("pattern")) {
        let why = format!("must be a valid regular expression, but isn't: {fault}");
        at.field("pattern", |at| {
            errors.push(invalid(at.path(), Some(schema.sub("pattern")), &why));
        });
    }
}

fn types(schema: &Json, level: Level, at: &mut At, errors: &mut FieldErrors) {
    let ty = schema.text("type");
    let is_open = schema.flag("x-kubernetes-preserve-unknown-fields")
        || schema.flag("x-kubernetes-int-or-string");
    at.field("type", |at| {
        if schema.flag("x-kubernetes-embedded-resource") && ty != "object" {
            let why = "must be object if x-kubernetes-embedded-resource is true";
            errors.push(match ty {
                "" => required(at.path(), why),
                _ => invalid(at.path(), Some(schema.sub("type")), why),
            });
        } else if ty.is_empty() && !is_open {
            let why = match level {
                Level::Root => "must not be empty at the root",
                Level::Field => "must not be empty for specified object fields",
                Level::Item => "must not be empty for specified array items",
            };
            errors.push(required(at.path(), why));
        }
        if level == Level::Root && !ty.is_empty() && ty != "object" {
            let why = "must be object at the root";
            errors.push(invalid(at.path(), Some(schema.sub("type")), why));
        }
    });
}

/// The fields that every object has are known: a schema may restrict names, nothing else.
fn known_fields(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    at.field("properties", |at| {
        for (name, property) in schema.entries("properties") {
            at.key(name, |at| match name {
                "apiVersion" | "kind" if property.text("type") != "string" => {
                    at.field("type", |at| {
                        let found = json!(property.text("type"));
                        errors.push(invalid(at.path(), Some(&found), "must be string"));
                    });
                }
                "metadata" => metadata(property, at, errors),
                _ => {}
            });
        }
    });
}

fn metadata(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    if schema.text("type") != "object" {
        at.field("type", |at| {
            let found = json!(schema.text("type"));
            errors.push(invalid(at.path(), Some(&found), "must be object"));
        });
    }
    let is_name = |name: &str| matches!(name, "name" | "generateName");
    let is_allowed = |word: &str| matches!(word, "type" | "default" | "description" | "properties");
    let words = schema.as_object().into_iter().flatten();
    let odd = words.map(|(word, _)| word).any(|word| !is_allowed(word));
    if odd || schema.entries("properties").any(|(name, _)| !is_name(name)) {
        let why = "must not specify anything other than name and generateName, but metadata is \
                   implicitly specified";
        errors.push(forbidden(at.path(), why));
    }
}
