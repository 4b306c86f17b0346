use orchestrator_core::Json;
use orchestrator_core::object::Map;
use proptest::prelude::*;
use serde_json::json;

use crate::Structural;

fn map(value: Json) -> Map {
    value.as_object().unwrap().clone()
}

#[test]
fn what_is_not_known_is_dropped() {
    let schema = Structural::read(&json!({"type": "object", "properties": {"spec": {
        "type": "object", "properties": {
            "known": {"type": "string"},
            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "properties": {"shut": {"type": "object", "properties": {"a": {"type": "string"}}}}},
            "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {}}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
            "obj": {"type": "object", "x-kubernetes-embedded-resource": true,
                "properties": {"spec": {"type": "object"}}}}}}}));
    let mut object = map(json!({"kind": "A", "metadata": {"x": 1}, "top": 1, "spec": {
        "known": 1, "gone": 2, "open": {"x": 1, "shut": {"a": 1, "b": 2}},
        "map": {"k": {"a": 1, "z": 2}}, "list": [{"a": 1, "z": 2}, 5],
        "obj": {"kind": "B", "metadata": {"y": 1}, "spec": {"z": 1}, "other": 1}}}));
    assert!(schema.prune(&mut object));
    let wanted = json!({"kind": "A", "metadata": {"x": 1}, "spec": {
        "known": 1, "open": {"x": 1, "shut": {"a": 1}}, "map": {"k": {"a": 1}},
        "list": [{"a": 1}, 5], "obj": {"kind": "B", "metadata": {"y": 1}, "spec": {}}}});
    assert_eq!(Json::Object(object.clone()), wanted);
    assert!(!schema.prune(&mut object));
}

#[test]
fn what_is_missing_is_filled_in() {
    let schema = Structural::read(&json!({"type": "object", "properties": {"spec": {
        "type": "object", "default": {}, "properties": {
            "a": {"type": "string", "default": "d"},
            "n": {"type": "string", "nullable": true, "default": "x"},
            "plain": {"type": "string"},
            "o": {"type": "object", "default": {}, "properties": {"in": {"type": "integer", "default": 5}}},
            "l": {"type": "array", "items": {"type": "object", "properties": {"d": {"type": "boolean", "default": true}}}},
            "m": {"type": "object", "additionalProperties": {"type": "object", "properties": {"z": {"default": "zz"}}}}}}}}));
    let filled = |object: Json| {
        let mut object = map(object);
        schema.fill(&mut object);
        Json::Object(object)
    };
    assert_eq!(filled(json!({})), json!({"spec": {"a": "d", "n": "x", "o": {"in": 5}}}));
    assert_eq!(
        filled(json!({"spec": {"a": null, "n": null, "plain": null, "o": null,
            "l": [{}, {"d": false}], "m": {"k": {}}}})),
        json!({"spec": {"a": "d", "n": null, "o": {"in": 5}, "l": [{"d": true}, {"d": false}],
            "m": {"k": {"z": "zz"}}}})
    );
}

/// A schema of a few levels, with all that decides about pruning and defaults.
fn schema() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "string", "default": "d"})),
        Just(json!({"type": "integer", "nullable": true, "default": 1})),
        Just(json!({"x-kubernetes-preserve-unknown-fields": true})),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let properties = prop::collection::btree_map("[a-d]", inner.clone(), 0..4);
        prop_oneof![
            (properties, any::<bool>(), any::<bool>()).prop_map(|(fields, open, filled)| {
                let mut schema = json!({"type": "object", "properties": fields});
                if open {
                    schema["x-kubernetes-preserve-unknown-fields"] = json!(true);
                }
                if filled {
                    schema["default"] = json!({});
                }
                schema
            }),
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            inner.prop_map(|values| json!({"type": "object", "additionalProperties": values})),
        ]
    })
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![Just(Json::Null), Just(json!("x")), Just(json!(7)), Just(json!(true))];
    leaf.prop_recursive(5, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-e]", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn pruning_and_filling_once_is_enough(schema in schema(), value in value()) {
        let root = json!({"type": "object", "properties": {"spec": schema}});
        let schema = Structural::read(&root);
        let mut object = map(json!({"kind": "A", "spec": value}));
        let mut again = object.clone();
        prop_assert_eq!(schema.prune(&mut again), again != object);
        let pruned = again != object;
        let before = object.clone();
        object = again;
        prop_assert!(!schema.prune(&mut object.clone()));
        let filled = schema.fill(&mut object);
        prop_assert_eq!(schema.is_settled(&before), !pruned && !filled);
        let mut twice = object.clone();
        prop_assert!(!schema.fill(&mut twice));
        prop_assert_eq!(&twice, &object);
        // What is filled in is known, so it stays.
        schema.prune(&mut twice);
        prop_assert_eq!(twice, object);
    }
}
