//! Tests of whole objects.

use super::*;
use orchestrator_core::schema::Schema;
use proptest::prelude::*;
use serde_json::json;

/// What kubectl 1.32 sends for `create configmap a --from-literal=k=v`.
const FROM_KUBECTL: &[u8] = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x1b\x0a\x11\x0a\x01a\
    \x12\x00\x1a\x00\x22\x00*\x002\x008\x00B\x00\x12\x06\x0a\x01k\x12\x01v\x1a\x00\x22\x00";

fn round(object: &Json) -> Json {
    decode(&encode(object).unwrap()).unwrap()
}

#[test]
fn what_kubectl_sends_is_read_without_what_says_nothing() {
    let expected = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
        "data": {"k": "v"}});
    assert_eq!(decode(FROM_KUBECTL).unwrap(), expected);
}

#[test]
fn objects_of_all_shapes_survive() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a", "labels": {"b": "c"}, "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"fieldsV1": {"f:metadata": {}}, "manager": "m"}]},
        "spec": {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false,
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "configMap": {"name": "x"}}],
            "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1500m"}},
                "livenessProbe": {"httpGet": {"port": "web", "path": "/"}, "periodSeconds": 3},
                "env": [{"name": "e", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}],
            "securityContext": {"runAsUser": 0, "supplementalGroups": [1, 2]}}});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
        "spec": {"ports": [{"port": 80, "targetPort": 8080}, {"port": 81, "targetPort": "web"}]}});
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview",
        "metadata": {}, "status": {"userInfo": {"username": "a", "extra": {"k": ["v", "w"]}}}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
        "data": {"k": "AAEC"}, "immutable": false});
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "a"}, "spec": {"renewTime": "2026-01-01T00:00:00.000123Z"}});
    let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "7"},
        "items": [{"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}}]});
    for object in [pod, service, review, secret, lease] {
        let back = round(&object);
        for (name, value) in object.as_object().unwrap() {
            assert_eq!(without_implied(&back[name]), without_implied(value), "{name}");
        }
    }
    assert_eq!(round(&list)["items"][0]["metadata"]["name"], "a");
}

/// Fields that Go writes even when they are empty come back so.
fn without_implied(json: &Json) -> Json {
    let mut json = json.clone();
    fn clean(json: &mut Json) {
        match json {
            Json::Object(map) => {
                map.values_mut().for_each(clean);
                map.retain(|name, value| {
                    name == "emptyDir" || !orchestrator_core::object::is_empty(value)
                });
            }
            Json::Array(items) => items.iter_mut().for_each(clean),
            _ => {}
        }
    }
    clean(&mut json);
    json
}

#[test]
fn kinds_without_numbers_and_broken_bytes_are_refused() {
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"});
    assert!(encode(&crd).is_none());
    assert_eq!(decode(b"{}").unwrap_err().code, 400);
    assert_eq!(decode(b"k8s\0\xff\xff").unwrap_err().code, 400);
    assert_eq!(decode(b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09Something").unwrap_err().code, 415);
    assert_eq!(decode(&FROM_KUBECTL[..FROM_KUBECTL.len() - 5]).unwrap_err().code, 400);
}

#[test]
fn messages_that_nest_without_end_are_refused() {
    let definition = Schema::builtin().kind("", "v1", "Pod").unwrap();
    let mut bytes = Vec::new();
    for _ in 0..10_000 {
        let mut outer = Writer::default();
        outer.bytes(2, &bytes);
        bytes = outer.into_bytes();
        if bytes.len() > 100_000 {
            break;
        }
    }
    // It ends, one way or the other.
    let _ = read::message(Schema::builtin(), definition, &bytes);
}

#[test]
fn a_frame_of_a_watch_says_how_long_it_is() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let frame = frame("ADDED", &object).unwrap();
    let (len, rest) = frame.split_first_chunk::<4>().unwrap();
    assert_eq!(u32::from_be_bytes(*len) as usize, rest.len());
    assert!(rest.starts_with(b"\x0a\x05ADDED\x12"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let pod = Schema::builtin().kind("", "v1", "Pod").unwrap();
        let _ = read::message(Schema::builtin(), pod, &bytes);
    }
}
