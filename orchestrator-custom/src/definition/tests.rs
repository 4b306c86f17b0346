use orchestrator_core::Json;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::validate;

fn check(root: Json, wanted: &[&str]) {
    let errors = super::check(&root, "s", false, &|_, _, _| {});
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts, wanted, "{root}");
}

fn field(field: Json, wanted: &[&str]) {
    check(json!({"type": "object", "properties": {"a": field}}), wanted);
}

#[test]
fn schemas_that_are_not_structural_are_refused() {
    check(
        json!({"properties": {"spec": {"properties": {"a": {}}}}}),
        &[
            "s.properties[spec].properties[a].type: Required value: must not be empty for specified object fields",
            "s.properties[spec].type: Required value: must not be empty for specified object fields",
            "s.type: Required value: must not be empty at the root",
        ],
    );
    field(
        json!({"type": "object", "anyOf": [{"properties": {"b": {"type": "string", "default": "x"}}}]}),
        &[
            "s.properties[a].anyOf[0].properties[b].default: Forbidden: must be undefined to be structural",
            "s.properties[a].anyOf[0].properties[b].type: Forbidden: must be empty to be structural",
        ],
    );
    check(
        json!({"type": "object", "anyOf": [{"required": ["b"], "properties": {"b": {"minimum": 1}}}]}),
        &["s.properties[b]: Required value: because it is defined in s.anyOf[0].properties[b]"],
    );
    field(
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
        &[],
    );
    check(
        json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}}),
        &[
            "s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
        ],
    );
    field(
        json!({"type": "string", "pattern": "("}),
        &[
            "s.properties[a].pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): `(`",
        ],
    );
}

#[test]
fn unknown_words_and_bad_defaults_are_refused() {
    field(json!({"$ref": "#/x"}), &["s.properties[a].$ref: Forbidden: $ref is not supported"]);
    field(
        json!({"type": "integer", "default": "x"}),
        &[
            "s.properties[a].default: Invalid value: \"string\":  in body must be of type integer: \"string\"",
        ],
    );
    field(json!({"type": "array"}), &["s.properties[a].items: Required value: must be specified"]);
    field(
        json!({"type": "object", "default": {"x": 1}}),
        &["s.properties[a].default: Invalid value: {\"x\":1}: must not have unknown fields"],
    );
    field(
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
        "items": {"type": "object", "properties": {"k": {"type": "string"}}}}),
        &[
            "s.properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ],
    );
    field(
        json!({"type": "object", "x-kubernetes-validations": [{"rule": ""}, {"rule": "true", "fieldPath": ".z"}]}),
        &[
            "s.properties[a].x-kubernetes-validations[0].rule: Required value: rule is not specified",
            "s.properties[a].x-kubernetes-validations[1].fieldPath: Invalid value: \".z\": must be a valid path",
        ],
    );
}

#[test]
fn bombs_are_refused_before_they_are_looked_at() {
    let deep = (0..300)
        .fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}));
    field(deep, &["s: Forbidden: must not nest deeper than 100 levels"]);
    let wide: Vec<Json> = (0..MAX_NODES).map(|n| json!(n)).collect();
    field(json!({"enum": wide}), &["s: Forbidden: must not have more than 200000 nodes"]);
}

/// Trees of the words of schemas, in any order and of any type.
fn anything() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3_i64..5).prop_map(Json::from),
        prop::sample::select(vec!["object", "array", "string", "integer", "map", "set", "(", "a"])
            .prop_map(Json::from),
    ];
    let words = prop::sample::select(vec![
        "type",
        "properties",
        "items",
        "additionalProperties",
        "default",
        "enum",
        "required",
        "anyOf",
        "allOf",
        "oneOf",
        "not",
        "nullable",
        "pattern",
        "maxItems",
        "minLength",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-validations",
        "rule",
        "metadata",
        "a",
        "k",
    ]);
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(words.clone(), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_sent_as_a_schema_or_an_object_is_looked_at_to_the_end(
        schema in anything(),
        value in anything(),
    ) {
        let errors = super::check(&schema, "s", true, &|_, _, _| {});
        let read = Structural::read(&schema);
        if let Json::Object(mut map) = value {
            read.prune(&mut map);
            read.fill(&mut map);
            let found = validate::object(&read, &map, None);
            // What is the same as before is never wrong.
            prop_assert!(validate::object(&read, &map, Some(&map)).is_empty());
            if errors.is_empty() && found.is_empty() {
                validate::rules(&read, &map, None);
            }
        }
    }
}
