//! `PartialObjectMetadata`: the metadata of an object and nothing else.

use orchestrator_core::object::{Map, Object};
use orchestrator_core::{Item, Json};

use super::accept::MetaVersion;

/// The metadata of `item`.
pub(crate) fn of(item: &Item, version: MetaVersion) -> Object {
    let mut object = Object::new(version.api_version(), "PartialObjectMetadata");
    let stored = item.tree().ok().and_then(|tree| tree.get("metadata").cloned());
    object.set("metadata", stored.unwrap_or_else(|| Json::Object(Map::new())));
    if !item.revision().is_zero() {
        object.set_meta("resourceVersion", item.revision().to_string());
    }
    object
}
