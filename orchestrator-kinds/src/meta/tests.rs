use serde_json::json;

use super::*;
use crate::format::names::{dns_subdomain, path_segment};

fn object(metadata: Json) -> Object {
    serde_json::from_value(json!({ "metadata": metadata })).unwrap()
}

fn create(metadata: Json) -> Vec<String> {
    let errors = validate_create(&object(metadata), true, dns_subdomain);
    errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect()
}

#[test]
fn a_plain_name_in_a_namespace_is_right() {
    let metadata = json!({
        "name": "a", "namespace": "n", "labels": {"a/b": "c"}, "annotations": {"A/B": "any text"},
        "finalizers": ["a/b", "orphan"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}],
    });
    assert_eq!(create(metadata), [""; 0]);
}

#[test]
fn each_part_of_the_metadata_has_its_fault() {
    let cases = [
        (
            json!({"namespace": "n"}),
            "metadata.name: Required value: name or generateName is required",
        ),
        (json!({"name": "a"}), "metadata.namespace: Required value"),
        (json!({"labels": {"a": "b c"}}), "metadata.labels: Invalid value: \"b c\""),
        (json!({"annotations": {"a b": ""}}), "metadata.annotations: Invalid value: \"a b\""),
        (
            json!({"finalizers": ["abc"]}),
            "metadata.finalizers[0]: Invalid value: \"abc\": name is neither",
        ),
        (
            json!({"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x"}]}),
            "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
        ),
        (json!({"generation": -1}), "metadata.generation: Invalid value: -1"),
    ];
    for (mut metadata, wanted) in cases {
        let map = metadata.as_object_mut().unwrap();
        if !wanted.contains("name")
            || wanted.contains("finalizers")
            || map.contains_key("ownerReferences")
        {
            map.insert("name".into(), "a".into());
            map.insert("namespace".into(), "n".into());
        }
        let got = create(metadata);
        assert_eq!(got.len(), 1, "{got:?}");
        assert!(got[0].starts_with(wanted), "{got:?}");
    }
}

#[test]
fn a_prefix_may_end_where_a_name_may_not() {
    assert_eq!(create(json!({"name": "a", "namespace": "n", "generateName": "abc-"})), [""; 0]);
    assert_eq!(create(json!({"name": "a", "namespace": "n", "generateName": "-"})).len(), 1);
    assert_eq!(create(json!({"name": "a", "namespace": "n", "generateName": "ü-"})).len(), 0);
}

#[test]
fn annotations_have_a_limit_together() {
    let big = "x".repeat(ANNOTATIONS_MAX);
    let got = create(json!({"name": "a", "namespace": "n", "annotations": {"a": big}}));
    assert_eq!(got, ["metadata.annotations: Too long: may not be more than 262144 bytes"]);
}

#[test]
fn an_update_keeps_the_identity() {
    let old = object(json!({"name": "a", "namespace": "n", "uid": "u", "generation": 2}));
    let new = object(json!({"name": "b", "namespace": "n", "uid": "v", "generation": 1}));
    let fields: Vec<_> = validate_update(&new, &old).into_iter().map(|e| e.field).collect();
    assert_eq!(fields, ["metadata.generation", "metadata.name", "metadata.uid"]);
}

#[test]
fn an_object_that_is_being_deleted_takes_no_finalizers() {
    let old = object(json!({"name": "a", "deletionTimestamp": "t", "finalizers": ["a/b"]}));
    let new = object(json!({"name": "a", "finalizers": ["a/b", "c/d"]}));
    let errors = validate_update(&new, &old);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message.ends_with("found new finalizers []string{\"c/d\"}"));
}

#[test]
fn the_server_counts_a_wrong_label_twice_on_update() {
    let old = object(json!({"name": "a:b"}));
    let new = object(json!({"name": "a:b", "labels": {"a b": "c"}}));
    let mut errors = FieldErrors::new();
    check_common_update(&new, &old, false, &mut errors);
    assert_eq!(errors.len(), 2);
    assert!(path_segment("a:b").is_empty());
}
