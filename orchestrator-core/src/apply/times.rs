//! Times of managers that must not make a new version of an object by themselves.

use super::managed;
use crate::Json;
use crate::object::{Key, Map, Object};

/// Gives `new` the managed fields of `old` where the two differ in nothing but their times.
///
/// A write that changes nothing must not make a new version only because it came later.
pub fn keep_times_if_unchanged(old: &Object, new: &mut Object) {
    let lists = (managed::list(old), managed::list(new));
    let (Some(Json::Array(before)), Some(Json::Array(after))) = lists else { return };
    if before == after || timeless(before) != timeless(after) || !is_same_apart(old, new) {
        return;
    }
    let before = Json::Array(before.clone());
    managed::put_back(new, Some(before));
}

/// The entries without their times, in an order of their own.
fn timeless(entries: &[Json]) -> Vec<String> {
    let text = |entry: &Json| {
        let mut entry = entry.as_object().cloned().unwrap_or_default();
        entry.remove("time");
        Json::Object(entry).to_string()
    };
    let mut texts: Vec<String> = entries.iter().map(text).collect();
    texts.sort_unstable();
    texts
}

/// Whether two objects are equal apart from their managed fields.
fn is_same_apart<'a>(old: &'a Object, new: &'a Object) -> bool {
    fn all_but<'m>(map: &'m Map, name: &'m str) -> impl Iterator<Item = (&'m Key, &'m Json)> {
        map.iter().filter(move |(key, _)| *key != name)
    }
    let empty = Map::new();
    let metadata = |object: &'a Object| object.get("metadata").and_then(Json::as_object);
    let (before, after) = (metadata(old), metadata(new));
    let (before, after) = (before.unwrap_or(&empty), after.unwrap_or(&empty));
    all_but(old.as_map(), "metadata").eq(all_but(new.as_map(), "metadata"))
        && all_but(before, "managedFields").eq(all_but(after, "managedFields"))
}
