//! The scale of an object, as what is written to its part `scale`.

use orchestrator_core::Json;
use orchestrator_core::object::Object;
use serde_json::json;

use crate::registry::Resource;

/// The scale of an object of `resource`.
pub(super) fn view(resource: &Resource, object: &Object) -> Object {
    let mut scale = Object::new("autoscaling/v1", "Scale");
    for name in ["name", "namespace", "uid", "creationTimestamp", "resourceVersion"] {
        if let Some(value) = object.meta(name) {
            scale.set_meta(name, value.clone());
        }
    }
    for (part, path) in ["spec", "status"].into_iter().zip(paths(resource)) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let replicas = object.int_at(&path).unwrap_or_default();
        scale.set(part, json!({ "replicas": replicas }));
    }
    scale
}

/// Takes over what a scale says into the object whose scale it is.
pub(super) fn lay_over(resource: &Resource, scale: &Object, object: &mut Object) {
    let [path, _] = paths(resource);
    let Some((last, above)) = path.split_last() else { return };
    let mut map = object.as_map_mut();
    for step in above {
        let below = map.entry(step.as_str()).or_insert(json!({}));
        let Some(below) = below.as_object_mut() else { return };
        map = below;
    }
    let replicas = scale.int_at(&["spec", "replicas"]).unwrap_or_default();
    map.insert(last.as_str().into(), Json::from(replicas));
}

/// Where the wanted and the present number are.
fn paths(resource: &Resource) -> [Vec<String>; 2] {
    let custom = resource.custom.as_ref().and_then(|custom| custom.scale.as_ref());
    match custom {
        Some(paths) => [paths.spec.clone(), paths.status.clone()],
        None => ["spec", "status"].map(|part| vec![part.to_owned(), "replicas".to_owned()]),
    }
}
