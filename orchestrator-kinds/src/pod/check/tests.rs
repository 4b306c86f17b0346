use serde_json::json;

use super::*;
use crate::pod::defaults::fill_spec;

/// The errors of a spec after defaulting, as texts cut off behind the value.
fn check(spec: Json) -> Vec<String> {
    let mut spec = spec.as_object().unwrap().clone();
    fill_spec(&mut spec);
    let mut errors = FieldErrors::new();
    check_spec(&Json::Object(spec), &Path::new("spec"), &mut errors);
    errors.iter().map(ToString::to_string).collect()
}

fn container(extra: Json) -> Json {
    let mut container = json!({"name": "c", "image": "x"});
    container.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!({ "containers": [container] })
}

#[test]
fn a_plain_pod_is_right() {
    assert_eq!(check(container(json!({}))), [""; 0]);
}

#[test]
fn mounts_name_volumes_that_are_right() {
    let mut spec = container(json!({"volumeMounts": [{"name": "v", "mountPath": "/m"}]}));
    assert_eq!(check(spec.clone()), ["spec.containers[0].volumeMounts[0].name: Not found: \"v\""]);
    spec["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
    assert_eq!(check(spec), [""; 0]);
}

#[test]
fn a_sidecar_may_have_probes_and_an_init_container_may_not() {
    let probe = json!({"exec": {"command": ["true"]}});
    let mut spec = container(json!({}));
    spec["initContainers"] = json!([{"name": "i", "image": "x", "livenessProbe": probe}]);
    assert_eq!(check(spec.clone()).len(), 1);
    spec["initContainers"][0]["restartPolicy"] = json!("Always");
    assert_eq!(check(spec), [""; 0]);
}

#[test]
fn names_of_containers_are_unique_in_the_pod() {
    let mut spec = container(json!({}));
    spec["initContainers"] = json!([{"name": "c", "image": "x"}]);
    assert_eq!(check(spec), ["spec.initContainers[0].name: Duplicate value: \"c\""]);
}

#[test]
fn a_projected_volume_writes_each_path_once() {
    let item = json!([{"key": "a", "path": "p"}]);
    let mut spec = container(json!({}));
    spec["volumes"] = json!([{"name": "v", "projected": {"sources": [
        {"secret": {"name": "s", "items": item}}, {"configMap": {"name": "m", "items": item}},
    ]}}]);
    let wanted = "spec.volumes[0].projected: Invalid value: \"m\": conflicting duplicate paths";
    assert_eq!(check(spec), [wanted]);
}

#[test]
fn the_pod_asks_for_at_least_what_its_containers_ask_for() {
    let mut spec = container(json!({"resources": {"requests": {"cpu": "2"}}}));
    spec["resources"] = json!({"requests": {"cpu": "1"}});
    let errors = check(spec);
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].ends_with("must be greater than or equal to aggregate container requests of 2")
    );
}

#[test]
fn a_sysctl_has_parts_in_lower_case() {
    for (name, wanted) in [("kernel.shm_rmid_forced", 0), ("net/ipv4.a", 0), ("A B", 1), ("", 1)] {
        let mut spec = container(json!({}));
        spec["securityContext"] = json!({"sysctls": [{"name": name, "value": "1"}]});
        assert_eq!(check(spec).len(), wanted, "{name}");
    }
}
