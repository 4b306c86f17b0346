//! AppArmor profiles, which once were annotations: field and annotation are kept the same.

use orchestrator_core::object::Map;
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::defaults::CONTAINER_LISTS;
use crate::fields::{Fields, Fill};

/// The annotation of a container is this and the container's name.
pub const ANNOTATION_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";

fn to_annotation(profile: &Json) -> Option<String> {
    match profile.text("type") {
        "RuntimeDefault" => Some("runtime/default".into()),
        "Unconfined" => Some("unconfined".into()),
        "Localhost" => Some(format!("localhost/{}", profile.text("localhostProfile"))),
        _ => None,
    }
}

fn to_profile(annotation: &str) -> Option<Json> {
    match annotation {
        "runtime/default" => Some(json!({"type": "RuntimeDefault"})),
        "unconfined" => Some(json!({"type": "Unconfined"})),
        _ => {
            let profile = annotation.strip_prefix("localhost/")?;
            Some(json!({"type": "Localhost", "localhostProfile": profile}))
        }
    }
}

/// Makes the annotations and the fields of a new pod agree; what is set wins over what is not.
pub fn synchronize(pod: &mut Object) {
    let spec = pod.sub("spec");
    let of_pod = spec.sub("securityContext").sub("appArmorProfile").clone();
    let uses_fields = || {
        CONTAINER_LISTS
            .iter()
            .flat_map(|list| spec.list(list))
            .any(|container| container.sub("securityContext").has("appArmorProfile"))
    };
    let annotated =
        pod.annotations().is_some_and(|all| all.keys().any(|k| k.starts_with(ANNOTATION_PREFIX)));
    if spec.sub("os").text("name") == "windows"
        || (of_pod.is_null() && !annotated && !uses_fields())
    {
        return;
    }
    let mut annotations = pod.annotations().cloned().unwrap_or_default();
    let spec = pod.map_mut("spec");
    for list in CONTAINER_LISTS {
        for container in spec.maps_of(list) {
            synchronize_container(container, &of_pod, &mut annotations);
        }
    }
    pod.set_meta("annotations", annotations);
}

fn synchronize_container(container: &mut Map, of_pod: &Json, annotations: &mut Map) {
    let key = format!("{ANNOTATION_PREFIX}{}", container.text("name"));
    let profile = container.sub("securityContext").sub("appArmorProfile");
    match annotations.get(&key).and_then(Json::as_str) {
        None => {
            let profile = if profile.is_null() { of_pod } else { profile };
            if let Some(annotation) = to_annotation(profile) {
                annotations.insert(key.into(), annotation.into());
            }
        }
        Some(annotation) if profile.is_null() => {
            if let Some(profile) = to_profile(annotation).filter(|profile| profile != of_pod) {
                container.map_made("securityContext").insert("appArmorProfile".into(), profile);
            }
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_and_annotation_follow_each_other() {
        let key = format!("{ANNOTATION_PREFIX}c");
        let mut pod: Object = serde_json::from_value(json!({
            "metadata": {"annotations": {key.as_str(): "localhost/x"}},
            "spec": {"containers": [{"name": "c"}]},
        }))
        .unwrap();
        synchronize(&mut pod);
        let container = &pod.at(&["spec", "containers"]).unwrap()[0];
        assert_eq!(
            container["securityContext"]["appArmorProfile"],
            json!({"type": "Localhost", "localhostProfile": "x"})
        );
        pod.set_meta("annotations", Json::Null);
        synchronize(&mut pod);
        assert_eq!(pod.annotation(&key), Some("localhost/x"));
    }

    #[test]
    fn a_pod_without_profiles_stays_as_it_is() {
        let json = json!({"metadata": {}, "spec": {"containers": [{"name": "c"}]}});
        let mut pod: Object = serde_json::from_value(json.clone()).unwrap();
        synchronize(&mut pod);
        assert_eq!(pod.into_json(), json);
    }
}
