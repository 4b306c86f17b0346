use serde_json::json;

use super::*;
use crate::schema::Gvk;

fn decode(kind: &str, body: &str) -> Result<Decoded, DecodeError> {
    let schema = Schema::builtin();
    let definition = schema.kind("", "v1", kind).or(schema.kind("apps", "v1", kind)).unwrap();
    from_slice(schema, definition, body.as_bytes())
}

fn problems(kind: &str, body: &str) -> Vec<String> {
    decode(kind, body).unwrap().problems.iter().map(ToString::to_string).collect()
}

fn error(kind: &str, body: &str) -> String {
    decode(kind, body).unwrap_err().to_string()
}

fn value(kind: &str, body: Json) -> Json {
    decode(kind, &body.to_string()).unwrap().value
}

#[test]
fn unknown_and_duplicate_fields_are_reported_in_the_order_of_the_body() {
    assert_eq!(
        problems("Service", r#"{"spec":{"ports":[{"port":80,"bogus":1}],"frob":true},"extra":{}}"#),
        [
            r#"unknown field "spec.ports[0].bogus""#,
            r#"unknown field "spec.frob""#,
            r#"unknown field "extra""#
        ]
    );
    let twice = r#"{"metadata":{"name":"a"},"data":{"a":"1","a":"2"},"data":{"b":"3"}}"#;
    assert_eq!(
        problems("ConfigMap", twice),
        [r#"duplicate field "data.a""#, r#"duplicate field "data""#]
    );
    assert_eq!(decode("ConfigMap", twice).unwrap().value["data"], json!({"a": "2", "b": "3"}));
    let emptied = decode("ConfigMap", r#"{"metadata":{"uid":"a","uid":""}}"#).unwrap();
    assert_eq!(emptied.value, json!({"metadata": {}}));
    assert_eq!(problems("ConfigMap", r#"{"Data":{"b":"3"}}"#), [r#"unknown field "Data""#]);
    assert_eq!(
        problems("ConfigMap", r#"{"metadata":{"labels":{"a":"1","b":"2","a":"3"},"foo":1}}"#),
        [r#"duplicate field "metadata.labels.a""#, r#"unknown field "metadata.foo""#]
    );
}

#[test]
fn values_of_the_wrong_type_are_refused_in_the_servers_words() {
    let cases = [
        (
            r#"{"metadata":{"labels":"x"}}"#,
            "string into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (
            r#"{"spec":{"containers":{}}}"#,
            "object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            r#"{"spec":{"containers":[{"ports":[{"containerPort":"80"}]}]}}"#,
            "string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            r#"{"spec":{"containers":[{"image":1}]}}"#,
            "number into Go struct field Container.spec.containers.image of type string",
        ),
        (
            r#"{"spec":{"priority":1.5}}"#,
            "number 1.5 into Go struct field PodSpec.spec.priority of type int32",
        ),
        (
            r#"{"spec":{"priority":3000000000}}"#,
            "number 3000000000 into Go struct field PodSpec.spec.priority of type int32",
        ),
        (r#"{"spec":[]}"#, "array into Go struct field Pod.spec of type v1.PodSpec"),
        ("[]", "array into Go value of type v1.Pod"),
    ];
    for (body, wanted) in cases {
        assert_eq!(error("Pod", body), format!("json: cannot unmarshal {wanted}"), "{body}");
    }
    let quantity = r#"{"spec":{"containers":[{"resources":{"limits":{"cpu":"1GB"}}}]}}"#;
    assert!(error("Pod", quantity).starts_with("quantities must match the regular expression"));
    let binary = r#"{"binaryData":{"x":"!!"}}"#;
    assert_eq!(error("ConfigMap", binary), "illegal base64 data at input byte 0");
}

#[test]
fn hostile_bodies_are_refused() {
    for body in ["", "{", "{}x", "{\"a\":}", "{\"a\":1,}", "nul", "\"\\ud800\""] {
        assert!(matches!(decode("Pod", body), Err(DecodeError::Syntax(_))), "{body:?}");
    }
    let schema = Schema::builtin();
    let pod = schema.kind("", "v1", "Pod").unwrap();
    assert_eq!(from_slice(schema, pod, b"{\"a\xff\":1}"), Err(DecodeError::Utf8(3)));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(decode("Pod", &deep), Err(DecodeError::Depth));
    assert_eq!(untyped(deep.as_bytes()), Err(DecodeError::Depth));
    let many: String = (0..1000).map(|n| format!("\"f{n}\":1,")).collect();
    assert_eq!(problems("Pod", &format!("{{{many}\"spec\":{{}}}}")).len(), MAX_PROBLEMS);
}

#[test]
fn what_go_does_not_write_again_is_left_out() {
    let body = json!({"metadata": {"name": "a", "labels": null, "annotations": {}, "uid": ""},
        "spec": {"containers": [], "tolerations": [], "hostNetwork": false, "nodeName": "",
            "automountServiceAccountToken": false, "priority": 0, "securityContext": {},
            "affinity": null, "nodeSelector": {"a": null}, "priorityClassName": ""}});
    assert_eq!(
        value("Pod", body),
        json!({"metadata": {"name": "a"}, "spec": {"containers": [],
            "automountServiceAccountToken": false, "priority": 0, "securityContext": {},
            "nodeSelector": {"a": ""}}})
    );
    let claim = json!({"spec": {"storageClassName": "", "volumeName": ""}});
    assert_eq!(value("PersistentVolumeClaim", claim), json!({"spec": {"storageClassName": ""}}));
    let reset = json!({"metadata": {"managedFields": []}});
    assert_eq!(value("Pod", reset.clone()), reset);
}

#[test]
fn texts_with_a_meaning_become_canonical() {
    let body = json!({"metadata": {"creationTimestamp": "2020-01-02T04:04:05+01:00"},
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}},
            "livenessProbe": {"httpGet": {"port": 80}}}]}});
    let value = value("Pod", body);
    assert_eq!(value["metadata"]["creationTimestamp"], "2020-01-02T03:04:05Z");
    let container = &value["spec"]["containers"][0];
    assert_eq!(container["resources"]["limits"], json!({"cpu": "500m", "memory": "1Gi"}));
    assert_eq!(container["livenessProbe"]["httpGet"]["port"], 80);
}

#[test]
fn a_custom_resource_is_pruned_but_not_type_checked() {
    let gvk = Gvk { group: "ex.com".into(), version: "v1".into(), kind: "Widget".into() };
    let openapi = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer"}, "nothing": {"type": "string", "nullable": true},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"in": {"type": "object"}}}}}}});
    let schema = Schema::from_openapi(gvk, Some(&openapi)).unwrap();
    let widget = schema.kind("ex.com", "v1", "Widget").unwrap();
    let body = r#"{"kind":"Widget","metadata":{"name":"w","frob":1},"z":1,
        "spec":{"size":"big","nothing":null,"foo":1,"open":{"any":{"b":[null]},"in":{"x":1}},
        "size":"bigger"}}"#;
    let decoded = from_slice(&schema, widget, body.as_bytes()).unwrap();
    assert_eq!(
        decoded.value,
        json!({"kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": "bigger",
            "nothing": null, "open": {"any": {"b": [null]}, "in": {}}}})
    );
    let problems: Vec<_> = decoded.problems.iter().map(Problem::path).collect();
    assert_eq!(problems, ["metadata.frob", "spec.size", "spec.foo", "spec.open.in.x", "z"]);
    let wrong = from_slice(&schema, widget, br#"{"metadata":{"labels":{"a":1}}}"#);
    assert!(matches!(wrong, Err(DecodeError::Type { .. })));
}

#[test]
fn trees_and_bytes_decode_alike() {
    let schema = Schema::builtin();
    let pod = schema.kind("", "v1", "Pod").unwrap();
    let body = json!({"spec": {"containers": [{"name": "a", "x": 1}], "nodeName": null}});
    let tree = from_json(schema, pod, body.clone()).unwrap();
    assert_eq!(Ok(tree), from_slice(schema, pod, body.to_string().as_bytes()));
}

#[test]
fn version_and_kind_are_read_without_the_rest() {
    let meta = type_meta(br#"{"kind":"Pod","apiVersion":"v1","spec":[{}]}"#).unwrap();
    assert_eq!((&*meta.api_version, &*meta.kind), ("v1", "Pod"));
    for bad in ["[]", "\"x\"", "{\"kind\":1}", "{"] {
        assert!(matches!(type_meta(bad.as_bytes()), Err(DecodeError::TypeMeta(_))), "{bad}");
    }
}
