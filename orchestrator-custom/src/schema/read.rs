//! From the JSON of an OpenAPI schema to its node.

use orchestrator_core::Json;
use orchestrator_core::object::Map;

use super::{Additional, Checks, Format, ListType, MAX_DEPTH, Pattern, Structural, Type};
use crate::rules::Rule;
use crate::value::Fields;

/// Reads `schema`, which is `depth` levels below the root.
pub(super) fn structural(schema: &Json, depth: usize) -> Structural {
    let Some(map) = schema.as_object().filter(|_| depth <= MAX_DEPTH) else {
        return Structural::default();
    };
    Structural {
        ty: Type::from_word(map.text("type")),
        properties: map
            .entries("properties")
            .map(|(name, property)| (name.to_owned(), structural(property, depth + 1)))
            .collect(),
        additional: additional(map, depth),
        items: map
            .get("items")
            .filter(|items| items.is_object())
            .map(|items| Box::new(structural(items, depth + 1))),
        default: map.get("default").filter(|default| !default.is_null()).cloned(),
        nullable: map.flag("nullable"),
        preserve: map.flag("x-kubernetes-preserve-unknown-fields"),
        embedded: map.flag("x-kubernetes-embedded-resource"),
        int_or_string: map.flag("x-kubernetes-int-or-string"),
        list: list(map),
        is_atomic_map: map.text("x-kubernetes-map-type") == "atomic",
        checks: checks(map, depth),
        rules: map.list("x-kubernetes-validations").iter().map(Rule::read).collect(),
        ..Structural::default()
    }
}

fn additional(map: &Map, depth: usize) -> Additional {
    match map.get("additionalProperties") {
        Some(Json::Bool(true)) => Additional::Any,
        Some(values @ Json::Object(_)) => {
            Additional::Schema(Box::new(structural(values, depth + 1)))
        }
        _ => Additional::Undeclared,
    }
}

fn list(map: &Map) -> ListType {
    match map.text("x-kubernetes-list-type") {
        "set" => ListType::Set,
        "map" => {
            ListType::Map(map.texts("x-kubernetes-list-map-keys").map(str::to_owned).collect())
        }
        _ => ListType::Atomic,
    }
}

fn checks(map: &Map, depth: usize) -> Checks {
    let number = |name: &str| map.get(name).and_then(Json::as_f64);
    let whole = |name: &str| map.get(name).and_then(Json::as_i64);
    let parts =
        |name: &str| map.list(name).iter().map(|part| structural(part, depth + 1)).collect();
    Checks {
        format: Format::from_word(map.text("format")),
        maximum: number("maximum"),
        exclusive_maximum: map.flag("exclusiveMaximum"),
        minimum: number("minimum"),
        exclusive_minimum: map.flag("exclusiveMinimum"),
        multiple_of: number("multipleOf"),
        max_length: whole("maxLength"),
        min_length: whole("minLength"),
        pattern: Some(map.text("pattern")).filter(|text| !text.is_empty()).map(Pattern::new),
        max_items: whole("maxItems"),
        min_items: whole("minItems"),
        unique_items: map.flag("uniqueItems"),
        max_properties: whole("maxProperties"),
        min_properties: whole("minProperties"),
        required: map.texts("required").map(str::to_owned).collect(),
        values: map.list("enum").to_vec(),
        all_of: parts("allOf"),
        any_of: parts("anyOf"),
        one_of: parts("oneOf"),
        not: map
            .get("not")
            .filter(|not| not.is_object())
            .map(|not| Box::new(structural(not, depth + 1))),
    }
}
