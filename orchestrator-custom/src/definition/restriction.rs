//! What stands inside of `allOf`, `anyOf`, `oneOf` and `not` restricts values and describes
//! nothing.

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;

use super::structural::pattern;
use crate::report::{At, forbidden};
use crate::value::Fields;

/// Checks the restrictions of a schema. `skip_any` and `skip_first` let pass the two ways to
/// spell out that a value is a whole number or a text.
pub(super) fn quantified(
    schema: &Json,
    skip_any: bool,
    skip_first: bool,
    at: &mut At,
    errors: &mut FieldErrors,
) {
    for word in ["anyOf", "allOf", "oneOf"] {
        if word == "anyOf" && skip_any {
            continue;
        }
        at.field(word, |at| {
            for (index, part) in schema.list(word).iter().enumerate() {
                let skip = word == "allOf" && skip_first && index == 0;
                at.index(index, |at| node(part, skip, at, errors));
            }
        });
    }
    if schema.sub("not").is_object() {
        at.field("not", |at| node(schema.sub("not"), false, at, errors));
    }
}

fn node(schema: &Json, skip_any: bool, at: &mut At, errors: &mut FieldErrors) {
    quantified(schema, skip_any, false, at, errors);
    pattern(schema, at, errors);
    if schema.sub("items").is_object() {
        at.field("items", |at| node(schema.sub("items"), false, at, errors));
    }
    at.field("properties", |at| {
        for (name, property) in schema.entries("properties") {
            at.key(name, |at| node(property, false, at, errors));
        }
    });
    if schema.sub("additionalProperties").is_object() {
        at.field("additionalProperties", |at| {
            node(schema.sub("additionalProperties"), false, at, errors);
        });
    }
    forbidden_words(schema, at, errors);
    if schema.sub("properties").get("metadata").is_some() {
        let why = "must not be specified in a nested context";
        at.field("properties", |at| {
            at.key("metadata", |at| errors.push(forbidden(at.path(), why)));
        });
    }
}

fn forbidden_words(schema: &Json, at: &mut At, errors: &mut FieldErrors) {
    const EMPTY: &str = "must be empty to be structural";
    const UNDEFINED: &str = "must be undefined to be structural";
    const FALSE: &str = "must be false to be structural";
    const WORDS: [(&str, &str); 12] = [
        ("type", EMPTY),
        ("additionalProperties", UNDEFINED),
        ("default", UNDEFINED),
        ("title", EMPTY),
        ("description", EMPTY),
        ("nullable", FALSE),
        ("x-kubernetes-preserve-unknown-fields", FALSE),
        ("x-kubernetes-embedded-resource", FALSE),
        ("x-kubernetes-int-or-string", FALSE),
        ("x-kubernetes-list-map-keys", EMPTY),
        ("x-kubernetes-list-type", UNDEFINED),
        ("x-kubernetes-map-type", UNDEFINED),
    ];
    for (word, why) in WORDS {
        let is_set = match schema.sub(word) {
            Json::Null => false,
            Json::Bool(set) => *set || why == UNDEFINED,
            Json::String(text) => !text.is_empty() || why == UNDEFINED,
            Json::Array(items) => !items.is_empty(),
            _ => true,
        };
        if is_set {
            at.field(word, |at| errors.push(forbidden(at.path(), why)));
        }
    }
}
