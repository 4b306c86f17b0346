use serde_json::json;

use super::*;
use crate::Json;

fn patch(kind: &str, original: Json, patch: Json) -> Result<Json, PatchError> {
    let schema = Schema::builtin();
    let definition = schema.kind("", "v1", kind).or(schema.kind("apps", "v1", kind)).unwrap();
    let (Json::Object(original), Json::Object(patch)) = (original, patch) else { panic!("maps") };
    apply(schema, definition, original, patch).map(Json::Object)
}

#[track_caller]
fn check(kind: &str, original: Json, change: Json, wanted: Json) {
    assert_eq!(patch(kind, original, change), Ok(wanted));
}

/// A pod whose containers have the given names and images.
fn pod(containers: &[(&str, &str)]) -> Json {
    let list: Vec<_> =
        containers.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
    json!({"spec": {"containers": list}})
}

#[test]
fn maps_merge_and_null_removes() {
    let object = || json!({"metadata": {"labels": {"x": "1", "y": "2"}}});
    let labels = |patch: Json| json!({"metadata": {"labels": patch}});
    check(
        "Pod",
        object(),
        labels(json!({"x": null, "z": "3"})),
        labels(json!({"y": "2", "z": "3"})),
    );
    check(
        "Pod",
        object(),
        labels(json!({"$patch": "replace", "o": "1"})),
        labels(json!({"o": "1"})),
    );
    check("Pod", object(), labels(json!({"$patch": "delete"})), labels(json!({})));
    check("Pod", object(), labels(json!(null)), json!({"metadata": {}}));
}

#[test]
fn lists_merge_by_key_in_the_order_of_the_patch() {
    let two = || pod(&[("a", "1"), ("b", "1")]);
    check("Pod", two(), pod(&[("b", "2")]), pod(&[("a", "1"), ("b", "2")]));
    check("Pod", two(), pod(&[("c", "2")]), pod(&[("c", "2"), ("a", "1"), ("b", "1")]));
    check("Pod", two(), pod(&[("b", "2"), ("a", "2")]), pod(&[("b", "2"), ("a", "2")]));
    let delete = json!({"spec": {"containers": [{"name": "a", "$patch": "delete"}]}});
    check("Pod", two(), delete, pod(&[("b", "1")]));
    let replace = json!({"spec": {"containers": [{"name": "z"}, {"$patch": "replace"}]}});
    check("Pod", two(), replace, json!({"spec": {"containers": [{"name": "z"}]}}));
    let order = json!({"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}});
    check("Pod", two(), order, pod(&[("b", "1"), ("a", "1")]));
    let both = json!({"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
        "containers": [{"name": "c", "image": "9"}]}});
    check("Pod", two(), both, pod(&[("c", "9"), ("a", "1"), ("b", "1")]));
}

#[test]
fn lists_without_a_rule_are_replaced() {
    let keys = |names: &[&str]| {
        let list: Vec<_> = names.iter().map(|name| json!({"key": name})).collect();
        json!({"spec": {"tolerations": list}})
    };
    check("Pod", keys(&["a"]), keys(&["b"]), keys(&["b"]));
}

#[test]
fn lists_of_texts_merge_as_sets() {
    let finalizers = |list: &[&str]| json!({"metadata": {"finalizers": list}});
    let change = json!({"metadata": {"finalizers": ["b", "c"]}});
    check("Pod", finalizers(&["a", "b"]), change, finalizers(&["a", "b", "c"]));
    let delete = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}});
    check("Pod", finalizers(&["a", "b"]), delete.clone(), finalizers(&["b"]));
    check("Pod", json!({"metadata": {}}), delete, json!({"metadata": {}}));
    let order =
        json!({"metadata": {"$setElementOrder/finalizers": ["c", "a"], "finalizers": ["c"]}});
    check("Pod", finalizers(&["a", "b"]), order, finalizers(&["c", "a", "b"]));
}

#[test]
fn retained_keys_clear_the_others() {
    let strategy = |strategy: Json| json!({"spec": {"strategy": strategy}});
    let rolling = || strategy(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}));
    let change = strategy(json!({"$retainKeys": ["type"], "type": "Recreate"}));
    check("Deployment", rolling(), change, strategy(json!({"type": "Recreate"})));
    let wrong = strategy(json!({"$retainKeys": ["type"], "rollingUpdate": {}}));
    assert_eq!(
        patch("Deployment", rolling(), wrong).unwrap_err().to_string(),
        "invalid patch format of retainKeys"
    );
}

#[test]
fn new_values_lose_their_directives() {
    let change = json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name"], "x": null},
        {"name": "w", "$patch": "delete"}], "$setElementOrder/volumes": [{"name": "v"}]}});
    check("Pod", json!({}), change, json!({"spec": {"volumes": [{"name": "v"}]}}));
}

#[test]
fn errors_are_in_the_servers_words() {
    let message = |original, change| patch("Pod", original, change).unwrap_err().to_string();
    assert_eq!(
        message(json!({"data": {}}), json!({"data": {"$patch": "frob"}})),
        "unknown patch type: frob in map: map[$patch:frob]"
    );
    assert_eq!(
        message(pod(&[("a", "1")]), json!({"spec": {"containers": [{"image": "x"}]}})),
        "map: map[image:x] does not contain declared merge key: name"
    );
    let order = json!({"spec": {"$setElementOrder/containers": [{"name": "a"}],
        "containers": [{"name": "b"}]}});
    assert_eq!(message(pod(&[("a", "1")]), order), "invalid patch format of setElementOrder list");
    for odd in [
        json!({"spec": {"containers": ["x"]}}),
        json!({"spec": {"containers": [[]]}}),
        json!({"spec": {"$setElementOrder/containers": 1}}),
        json!({"spec": {"$retainKeys": 1}}),
    ] {
        assert!(patch("Pod", pod(&[("a", "1")]), odd.clone()).is_err(), "{odd}");
    }
}
