use serde_json::json;

use super::*;
use crate::schema::{Gvk, Schema};
use crate::{Json, Object};

const NOW: &str = "2020-01-01T00:00:00Z";
const LATER: &str = "2020-01-01T00:00:01Z";

fn manager(kind: &str) -> FieldManager<'static> {
    let schema = Schema::builtin();
    let definition = schema.kind("", "v1", kind).or(schema.kind("apps", "v1", kind)).unwrap();
    FieldManager { schema, definition, reset_fields: None }
}

fn by(manager: &str) -> Write<'_> {
    Write { manager, api_version: "v1", subresource: "", now: NOW }
}

fn object(value: Json) -> Object {
    serde_json::from_value(value).unwrap()
}

fn config_map(data: Json) -> Object {
    object(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}),
    )
}

/// Each manager with what it owns.
fn owners(object: &Object) -> Vec<(&str, &Json)> {
    let list = object.meta("managedFields").and_then(Json::as_array);
    let entries = list.into_iter().flatten();
    entries.map(|entry| (entry["manager"].as_str().unwrap(), &entry["fieldsV1"])).collect()
}

fn create(kind: &str, mut object: Object) -> Object {
    manager(kind).update(None, &mut object, &by("creator"));
    object
}

#[test]
fn a_create_owns_what_differs_from_the_zero_object() {
    let deployment = create(
        "Deployment",
        object(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "d", "labels": {"a": "b"}},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
                "template": {"spec": {"containers": [{"name": "c", "image": "i", "resources": {},
                    "ports": [{"containerPort": 80, "protocol": "TCP"}]}],
                    "securityContext": {}}}}})),
    );
    assert_eq!(
        *owners(&deployment)[0].1,
        json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}}, "f:spec": {"f:replicas": {},
            "f:selector": {}, "f:strategy": {"f:type": {}, "f:rollingUpdate": {".": {}, "f:maxSurge": {}}},
            "f:template": {"f:spec": {"f:securityContext": {}, "f:containers": {"k:{\"name\":\"c\"}": {
                ".": {}, "f:name": {}, "f:image": {}, "f:resources": {}, "f:ports": {".": {},
                    "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {},
                        "f:protocol": {}}}}}}}}})
    );
}

#[test]
fn a_write_takes_the_fields_it_changes() {
    let fields = manager("ConfigMap");
    let one = create("ConfigMap", config_map(json!({"a": "1", "b": "1", "c": "1"})));
    let mut two = one.clone();
    two.set("data", json!({"a": "1", "b": "2", "d": "1"}));
    fields.update(Some(&one), &mut two, &by("second"));
    assert_eq!(
        owners(&two),
        [
            ("creator", &json!({"f:data": {".": {}, "f:a": {}}})),
            ("second", &json!({"f:data": {"f:b": {}, "f:d": {}}}))
        ]
    );
    let mut same = two.clone();
    fields.update(Some(&two), &mut same, &Write { now: LATER, ..by("third") });
    assert_eq!(same, two);
}

#[test]
fn an_apply_owns_what_it_names_and_gives_up_what_it_drops() {
    let fields = manager("ConfigMap");
    let apply = |live: Option<&Object>, data: Json| {
        fields.apply(live, &config_map(data), &by("app"), false).unwrap()
    };
    let one = apply(None, json!({"a": "1", "b": "1"})).object;
    assert_eq!(owners(&one), [("app", &json!({"f:data": {"f:a": {}, "f:b": {}}}))]);
    let again = apply(Some(&one), json!({"a": "1", "b": "1"}));
    assert_eq!((again.changed, &again.object), (false, &one));
    let two = apply(Some(&one), json!({"a": "2"})).object;
    assert_eq!(two.get("data"), Some(&json!({"a": "2"})));
    let none = config_map(json!({}));
    let none = fields.apply(Some(&two), &none, &by("app"), false).unwrap().object;
    assert_eq!(none.get("data"), None);
    assert_eq!(owners(&none), [("app", &json!({"f:data": {}}))]);
}

#[test]
fn conflicts_name_manager_and_field() {
    let fields = manager("ConfigMap");
    let one = create("ConfigMap", config_map(json!({"a": "1", "b": "1"})));
    let wanted = config_map(json!({"a": "2", "b": "2"}));
    let error = fields.apply(Some(&one), &wanted, &by("app"), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 2 conflicts: conflicts with \"creator\" using v1:\n- .data.a\n- .data.b"
    );
    let status = error.status();
    assert_eq!((status.code, status.reason), (409, "Conflict"));
    assert_eq!(status.details.causes[0].message, "conflict with \"creator\" using v1");
    let forced = fields.apply(Some(&one), &wanted, &by("app"), true).unwrap().object;
    assert_eq!(
        owners(&forced),
        [("app", &json!({"f:data": {"f:a": {}, "f:b": {}}})), ("creator", &json!({"f:data": {}}))]
    );
}

#[test]
fn items_keep_their_order_and_new_ones_follow_their_neighbours() {
    let fields = manager("ConfigMap");
    let finalizers = |list: &[&str]| {
        object(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "finalizers": list}}))
    };
    let check = |live: &[&str], applied: &[&str], wanted: &[&str]| {
        let live = create("ConfigMap", finalizers(live));
        let applied = fields.apply(Some(&live), &finalizers(applied), &by("app"), true).unwrap();
        assert_eq!(applied.object.finalizers().collect::<Vec<_>>(), wanted);
    };
    check(&["a", "b"], &["b", "c"], &["a", "b", "c"]);
    check(&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]);
    check(&["a", "c"], &["a", "b", "c"], &["a", "b", "c"]);
    check(&["a"], &[], &["a"]);
}

#[test]
fn what_does_not_obey_the_schema_is_refused() {
    let apply = |kind: &str, spec: Json| {
        let version = if kind == "Deployment" { "apps/v1" } else { "v1" };
        let object = object(json!({"apiVersion": version, "kind": kind,
            "metadata": {"name": "s"}, "spec": spec}));
        let write = Write { api_version: version, ..by("m") };
        manager(kind).apply(None, &object, &write, false).unwrap_err().to_string()
    };
    assert_eq!(
        apply("Service", json!({"frob": 1})),
        "failed to create typed patch object (/s; /v1, Kind=Service): .spec.frob: field not \
         declared in schema"
    );
    assert_eq!(
        apply("Service", json!({"ports": [{"port": 80}, {"port": 80, "protocol": "TCP"}]})),
        "failed to create typed patch object (/s; /v1, Kind=Service): .spec.ports: duplicate \
         entries for key [port=80,protocol=\"TCP\"]"
    );
    assert!(
        apply("Deployment", json!({"replicas": "many"}))
            .contains(".spec.replicas: expected numeric")
    );
    assert!(apply("Deployment", json!([])).contains(".spec: expected map, got &{[]}"));
    let wrong = |value: Json| {
        manager("ConfigMap").apply(None, &object(value), &by("m"), false).unwrap_err()
    };
    assert_eq!(wrong(json!({})).to_string(), "invalid object type: /, Kind=");
    let managed =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"managedFields": [{}]}});
    assert_eq!(wrong(managed).status().code, 400);
}

#[test]
fn reset_fields_are_not_tracked() {
    let reset = FieldSet::of([["status"].as_slice()]);
    let fields = FieldManager { reset_fields: Some(&reset), ..manager("Service") };
    let mut service = object(json!({"metadata": {"name": "s"}, "spec": {"type": "ClusterIP"},
        "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}));
    fields.update(None, &mut service, &by("m"));
    assert_eq!(owners(&service), [("m", &json!({"f:spec": {"f:type": {}}}))]);
}

#[test]
fn an_object_without_managers_stays_untracked_until_it_is_applied_to() {
    let fields = manager("ConfigMap");
    let live = config_map(json!({"a": "1"}));
    let mut new = config_map(json!({"a": "2"}));
    fields.update(Some(&live), &mut new, &by("m"));
    assert!(owners(&new).is_empty());
    let applied =
        fields.apply(Some(&new), &config_map(json!({"b": "1"})), &by("app"), false).unwrap();
    assert_eq!(
        owners(&applied.object),
        [
            ("app", &json!({"f:data": {"f:b": {}}})),
            ("before-first-apply", &json!({"f:data": {".": {}, "f:a": {}}}))
        ]
    );
}

#[test]
fn a_custom_resource_is_owned_as_its_schema_says() {
    let gvk = Gvk { group: "ex.com".into(), version: "v1".into(), kind: "Widget".into() };
    let openapi = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "list": {"type": "array", "items": {"type": "string"}},
        "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}});
    let schema = Schema::from_openapi(gvk, Some(&openapi)).unwrap();
    let definition = schema.kind("ex.com", "v1", "Widget").unwrap();
    let fields = FieldManager { schema: &schema, definition, reset_fields: None };
    let mut widget =
        object(json!({"apiVersion": "ex.com/v1", "kind": "Widget", "metadata": {"name": "w"},
        "spec": {"set": ["a"], "list": ["b"], "any": {"x": {"y": [1]}}}}));
    fields.update(None, &mut widget, &by("m"));
    assert_eq!(
        *owners(&widget)[0].1,
        json!({"f:spec": {".": {}, "f:set": {".": {}, "v:\"a\"": {}}, "f:list": {},
            "f:any": {".": {}, "f:x": {".": {}, "f:y": {}}}}})
    );
}

#[test]
fn a_write_that_only_came_later_changes_no_times() {
    let fields = manager("ConfigMap");
    let one = create("ConfigMap", config_map(json!({"a": "1"})));
    let mut two = one.clone();
    two.meta_mut()["managedFields"][0]["time"] = json!(LATER);
    let mut three = two.clone();
    three.set("data", json!({"a": "2"}));
    keep_times_if_unchanged(&one, &mut two);
    assert_eq!(two, one);
    let before = three.clone();
    keep_times_if_unchanged(&one, &mut three);
    assert_eq!(three, before);
    fields.update(Some(&one), &mut three, &by("m"));
    assert_eq!(owners(&three).len(), 2);
}
