//! What several steps do with pods.

use orchestrator_core::Json;
use orchestrator_core::object::{Map, Object, map_entry};

/// The lists of containers of a pod.
pub(super) const CONTAINER_LISTS: [&str; 2] = ["initContainers", "containers"];

/// The annotation by which a node tells of a pod that it runs by itself.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";

/// The containers of the list `name`, to change.
pub(super) fn containers_mut<'p>(
    pod: &'p mut Object,
    name: &str,
) -> impl Iterator<Item = &'p mut Map> {
    let list = pod.map_mut("spec").get_mut(name).and_then(Json::as_array_mut);
    list.into_iter().flatten().filter_map(Json::as_object_mut)
}

/// The list at `name`, made where it is missing or is no list.
pub(super) fn list_mut<'m>(map: &'m mut Map, name: &str) -> &'m mut Vec<Json> {
    if !map.get(name).is_some_and(Json::is_array) {
        map.insert(name.into(), Json::Array(Vec::new()));
    }
    map.get_mut(name).and_then(Json::as_array_mut).expect("made above")
}

/// Sets an annotation.
pub(super) fn annotate(object: &mut Object, key: &str, value: impl Into<Json>) {
    map_entry(object.meta_mut(), "annotations").insert(key.into(), value.into());
}
