//! Sets have no value twice, and maps no key.

use std::collections::{BTreeMap, BTreeSet};

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;
use orchestrator_core::object::Map;

use crate::report::{At, duplicate};
use crate::schema::{ListType, Structural};

/// The items of an object's sets and list maps that are there twice.
pub fn unique_items(schema: &Structural, object: &Map) -> FieldErrors {
    let mut errors = FieldErrors::new();
    fields(schema, object, &mut At::default(), &mut errors);
    errors
}

fn fields(schema: &Structural, map: &Map, at: &mut At, errors: &mut FieldErrors) {
    for (name, value) in map {
        if let Some(schema) = schema.field(name) {
            at.field(name, |at| check(schema, value, at, errors));
        }
    }
}

fn check(schema: &Structural, value: &Json, at: &mut At, errors: &mut FieldErrors) {
    match value {
        Json::Object(map) => fields(schema, map, at, errors),
        Json::Array(items) => {
            match &schema.list {
                ListType::Atomic => {}
                ListType::Set => report(items, Json::to_string, Json::clone, at, errors),
                ListType::Map(keys) => {
                    report(items, |item| key(keys, item), |item| key_of(keys, item), at, errors);
                }
            }
            let Some(schema) = &schema.items else { return };
            for (index, item) in items.iter().enumerate() {
                at.index(index, |at| check(schema, item, at, errors));
            }
        }
        _ => {}
    }
}

/// Reports the items whose identity stands further to the front already.
fn report(
    items: &[Json],
    identity: impl Fn(&Json) -> String,
    told: impl Fn(&Json) -> Json,
    at: &mut At,
    errors: &mut FieldErrors,
) {
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        if !seen.insert(identity(item)) {
            at.index(index, |at| errors.push(duplicate(at.path(), &told(item))));
        }
    }
}

/// Whether two items are equal.
pub(super) fn has_duplicates(items: &[Json]) -> bool {
    let mut seen = BTreeSet::new();
    !items.iter().all(|item| seen.insert(item.to_string()))
}

/// The key fields of an item.
fn key_of(keys: &[String], item: &Json) -> Json {
    let found = keys.iter().filter_map(|key| Some((key.as_str(), item.get(key.as_str())?.clone())));
    Json::Object(found.collect())
}

/// The key of an item as a text.
pub(crate) fn key(keys: &[String], item: &Json) -> String {
    key_of(keys, item).to_string()
}

/// The items of a list map by their keys; the first of several counts.
pub(crate) fn by_key<'a>(keys: &[String], items: &'a [Json]) -> BTreeMap<String, &'a Json> {
    let mut found = BTreeMap::new();
    for item in items {
        found.entry(key(keys, item)).or_insert(item);
    }
    found
}
