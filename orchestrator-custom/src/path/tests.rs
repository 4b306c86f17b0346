use orchestrator_core::Json;
use serde_json::json;

use super::*;

fn check(path: &str, wanted: &Json) {
    let object = json!({
        "metadata": {"labels": {"a.b/c": "x", "plain": "y"}},
        "spec": {"l": [{"n": 1, "t": "a"}, {"n": 2, "t": "b"}, {"n": 3}], "s": "text"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other"}]},
    });
    let path = JsonPath::parse(path).unwrap();
    let found = path.find(object.as_object().unwrap());
    assert_eq!(&found.into_iter().cloned().collect::<Json>(), wanted, "{path:?}");
}

#[test]
fn paths_find_what_kubectl_finds() {
    check(".spec.s", &json!(["text"]));
    check("{.spec.s}", &json!(["text"]));
    check(".spec.none", &json!([]));
    check(".spec.l[0].n", &json!([1]));
    check(".spec.l[-1].n", &json!([3]));
    check(".spec.l[0:2].n", &json!([1, 2]));
    check(".spec.l[::2].n", &json!([1, 3]));
    check(".spec.l[*].n", &json!([1, 2, 3]));
    check(".spec.l[9].n", &json!([]));
    check(".metadata.labels['a.b/c']", &json!(["x"]));
    check(r".metadata.labels.a\.b/c", &json!(["x"]));
    check(".metadata.labels['plain','a.b/c']", &json!(["y", "x"]));
    check(r#".status.conditions[?(@.type=="Ready")].status"#, &json!(["True"]));
    check(".status.conditions[?(@.type != 'Ready')].type", &json!(["Other"]));
    check(".spec.l[?(@.n>=2)].n", &json!([2, 3]));
    check(".spec.l[?(@.t)].t", &json!(["a", "b"]));
    check("..n", &json!([1, 2, 3]));
}

#[test]
fn what_is_no_path_is_refused() {
    for bad in [".spec[", ".spec[x]", ".a[?(@.b==\"x\"]", ".a['b]", "#", ".a[1:2:0]"] {
        assert!(JsonPath::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(JsonPath::parse(&".a".repeat(4096)), Err(PathError::Length));
}
