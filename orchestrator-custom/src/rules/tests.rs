use orchestrator_core::Json;
use serde_json::json;

use super::check;
use crate::Structural;

fn texts(schema: &Json, new: &Json, old: Option<&Json>) -> Vec<String> {
    let root = json!({"type": "object", "properties": {"spec": schema}});
    let schema = Structural::read(&root);
    let (new, old) = (json!({ "spec": new }), old.map(|old| json!({ "spec": old })));
    let errors = check(&schema, new.as_object().unwrap(), old.as_ref().and_then(Json::as_object));
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn rules_say_what_is_wrong_and_where() {
    let schema = json!({"type": "object", "properties": {
            "min": {"type": "integer"}, "max": {"type": "integer"},
            "l": {"type": "array", "items": {"type": "string", "x-kubernetes-validations": [
                {"rule": "self.startsWith('a')", "messageExpression": "'item ' + self"}]}},
            "m": {"type": "object", "additionalProperties": {"type": "integer",
                "x-kubernetes-validations": [{"rule": "self > 0"}]}}},
        "x-kubernetes-validations": [
            {"rule": "!has(self.min) || self.min <= self.max", "message": "min over max",
                "reason": "FieldValueForbidden", "fieldPath": ".min"},
            {"rule": "!has(self.max) || self.max < 100", "message": "too large"}]});
    assert_eq!(
        texts(&schema, &json!({"min": 5, "max": 1}), None),
        ["spec.min: Forbidden: min over max"]
    );
    assert_eq!(texts(&schema, &json!({"max": 200}), None), ["spec: Invalid value: too large"]);
    assert_eq!(
        texts(&schema, &json!({"l": ["ab", "b"], "m": {"k": 0}}), None),
        [
            "spec.l[1]: Invalid value: \"b\": item b",
            "spec.m[k]: Invalid value: 0: failed rule: self > 0"
        ]
    );
    assert_eq!(
        texts(&schema, &json!({"min": 5}), None),
        ["spec: Invalid value: no such key: max evaluating rule: min over max"]
    );
}

#[test]
fn rules_about_changes_are_asked_where_there_is_an_old_value() {
    let schema = json!({"type": "object", "properties": {
        "name": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed"}]},
        "once": {"type": "string", "x-kubernetes-validations": [
            {"rule": "oldSelf.hasValue() || self == 'first'", "optionalOldSelf": true, "message": "first"}]},
        "l": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            "items": {"type": "object", "properties": {"k": {"type": "string"},
                "v": {"type": "integer", "x-kubernetes-validations": [{"rule": "self >= oldSelf", "message": "up"}]}}}}}});
    let old = json!({"name": "a", "l": [{"k": "x", "v": 5}]});
    assert_eq!(
        texts(&schema, &json!({"name": "b"}), Some(&old)),
        ["spec.name: Invalid value: \"b\": fixed"]
    );
    assert!(texts(&schema, &json!({"name": "b"}), Some(&json!({}))).is_empty());
    assert_eq!(
        texts(&schema, &json!({"once": "x"}), None),
        ["spec.once: Invalid value: \"x\": first"]
    );
    let new = json!({"name": "a", "l": [{"k": "y", "v": 1}, {"k": "x", "v": 4}]});
    assert_eq!(texts(&schema, &new, Some(&old)), ["spec.l[1].v: Invalid value: 4: up"]);
}

#[test]
fn what_broke_a_rule_before_may_stay() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer",
        "x-kubernetes-validations": [{"rule": "self < 5"}]}, "b": {"type": "integer"}}});
    let old = json!({"a": 9, "b": 1});
    assert!(texts(&schema, &json!({"a": 9, "b": 2}), Some(&old)).is_empty());
    assert_eq!(texts(&schema, &json!({"a": 8}), Some(&old)).len(), 1);
}
