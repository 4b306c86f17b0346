use orchestrator_core::Json;
use serde_json::json;

use super::*;

fn texts(errors: FieldErrors) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn check(field: Json, value: Json, wanted: &[&str]) {
    let schema = Structural::read(&json!({"type": "object", "properties": {"f": field}}));
    let map = json!({"f": value});
    let found = texts(object(&schema, map.as_object().unwrap(), None));
    assert_eq!(found, wanted, "{field} {value}");
}

#[test]
fn values_of_the_wrong_type_are_named_by_what_they_are() {
    let object = json!({"type": "object"});
    for (value, word) in [
        (json!("x"), "string"),
        (json!(4), "integer"),
        (json!(true), "boolean"),
        (json!(1.2), "number"),
        (json!([]), "array"),
        (json!(null), "null"),
    ] {
        let wanted =
            format!("f: Invalid value: \"{word}\": f in body must be of type object: \"{word}\"");
        check(object.clone(), value, &[&wanted]);
    }
    check(json!({"type": "object", "nullable": true}), json!(null), &[]);
    let either = json!({"x-kubernetes-int-or-string": true});
    check(either.clone(), json!(4), &[]);
    check(either.clone(), json!("4"), &[]);
    check(
        either,
        json!(true),
        &["f: Invalid value: \"boolean\": f in body must be of type integer,string: \"boolean\""],
    );
    check(json!({"type": "integer"}), json!(3.0), &[]);
    check(
        json!({"type": "integer"}),
        json!(1.5),
        &[
            "f: Invalid value: \"number\": f in body must be of type integer: \"number\"",
            "<nil>: Invalid value: \"\": Checked value must be of type integer (default format) in f",
        ],
    );
}

#[test]
fn what_a_value_breaks_is_told_in_the_words_of_the_api() {
    check(
        json!({"type": "integer", "maximum": 10}),
        json!(11),
        &["f: Invalid value: 11: f in body should be less than or equal to 10"],
    );
    check(
        json!({"type": "number", "minimum": 1.5, "exclusiveMinimum": true}),
        json!(1.5),
        &["f: Invalid value: 1.5: f in body should be greater than 1.5"],
    );
    check(
        json!({"type": "integer", "multipleOf": 3}),
        json!(10),
        &["f: Invalid value: 10: f in body should be a multiple of 3"],
    );
    check(
        json!({"type": "string", "maxLength": 2}),
        json!("abc"),
        &["f: Too long: may not be more than 2 bytes"],
    );
    check(
        json!({"type": "string", "minLength": 2}),
        json!("ä"),
        &["f: Invalid value: \"ä\": f in body should be at least 2 chars long"],
    );
    check(
        json!({"type": "string", "pattern": "^a"}),
        json!("b"),
        &["f: Invalid value: \"b\": f in body should match '^a'"],
    );
    check(
        json!({"type": "string", "format": "ipv4"}),
        json!("b"),
        &["f: Invalid value: \"b\": f in body must be of type ipv4: \"b\""],
    );
    check(
        json!({"type": "string", "enum": ["a", "b"]}),
        json!("c"),
        &["f: Unsupported value: \"c\": supported values: \"a\", \"b\""],
    );
    check(
        json!({"type": "array", "maxItems": 1, "items": {"type": "string"}}),
        json!(["a", 1]),
        &[
            "f[1]: Invalid value: \"integer\": f[1] in body must be of type string: \"integer\"",
            "f: Too many: 2: must have at most 1 item",
        ],
    );
    check(
        json!({"type": "array", "minItems": 1}),
        json!([]),
        &["f: Invalid value: 0: f in body should have at least 1 items"],
    );
    check(json!({"type": "object", "required": ["a"]}), json!({}), &["f.a: Required value"]);
    check(
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"k": 1}),
        &["f.k: Invalid value: \"integer\": f.k in body must be of type string: \"integer\""],
    );
    check(
        json!({"type": "object", "maxProperties": 1}),
        json!({"k": 1, "l": 1}),
        &["f: Too many: 2: must have at most 1 item"],
    );
    let any = json!({"type": "integer", "anyOf": [{"minimum": 5}, {"maximum": 1}]});
    check(
        any,
        json!(3),
        &[
            "<nil>: Invalid value: \"\": \"f\" must validate at least one schema (anyOf)",
            "f: Invalid value: 3: f in body should be greater than or equal to 5",
        ],
    );
    let one = json!({"type": "integer", "oneOf": [{"minimum": 1}, {"maximum": 5}]});
    check(
        one,
        json!(3),
        &[
            "<nil>: Invalid value: \"\": \"f\" must validate one and only one schema (oneOf). Found 2 valid alternatives",
        ],
    );
    check(
        json!({"not": {"enum": [1]}}),
        json!(1),
        &["<nil>: Invalid value: \"\": \"f\" must not validate the schema (not)"],
    );
}

#[test]
fn what_was_wrong_before_may_stay() {
    let schema = Structural::read(&json!({"type": "object", "properties": {
        "a": {"type": "integer", "maximum": 1}, "b": {"type": "integer", "maximum": 1},
        "l": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            "items": {"type": "object", "properties": {"k": {}, "v": {"type": "string"}}}}}}));
    let (old, new) = (
        json!({"a": 5, "b": 5, "l": [{"k": 1, "v": 1}]}),
        json!({"a": 5, "b": 6, "l": [{"k": 2}, {"k": 1, "v": 1}, {"k": 3, "v": 1}]}),
    );
    let found = object(&schema, new.as_object().unwrap(), old.as_object());
    assert_eq!(
        texts(found),
        [
            "b: Invalid value: 6: b in body should be less than or equal to 1",
            "l[2].v: Invalid value: \"integer\": l[2].v in body must be of type string: \"integer\"",
        ]
    );
}

#[test]
fn sets_and_list_maps_hold_each_item_once() {
    let schema = Structural::read(&json!({"type": "object", "properties": {
        "s": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "m": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["p"],
            "items": {"type": "object"}}}}));
    let object = json!({"s": ["a", "b", "a"], "m": [{"p": 1, "x": 1}, {"p": 1}]});
    assert_eq!(
        texts(unique_items(&schema, object.as_object().unwrap())),
        ["m[1]: Duplicate value: {\"p\":1}", "s[2]: Duplicate value: \"a\"",]
    );
}

#[test]
fn a_schema_that_would_take_minutes_is_given_up() {
    let parts: Vec<Json> = (0..200).map(|n| json!({"enum": [n]})).collect();
    let schema = Structural::read(&json!({"type": "object", "properties": {
        "f": {"type": "array", "items": {"anyOf": parts}}}}));
    let items: Vec<Json> = (0..500).map(|_| json!("x")).collect();
    let object = json!({ "f": items });
    let errors = value_at(&schema, View::of(&object), None, "", 10_000);
    assert!(errors.len() <= MAX_ERRORS + 1);
    assert_eq!(errors.last().unwrap().kind, FieldErrorKind::Internal);
}
