//! Taking fields out of an object.

use super::element;
use super::fields;
use super::walk::{Place, View};
use crate::Json;
use crate::object::Map;

/// `value` without the members of `set`; `None` where nothing is left of a map or list.
pub(super) fn remove(place: Place<'_>, value: &Json, set: &Map) -> Option<Json> {
    match place.view(Some(value)) {
        View::Map(map) => {
            let mut kept = Map::new();
            for (key, value) in map {
                let (below, _) = place.child(key);
                if let Some(value) = one(below, value, set, &element::field(key)) {
                    kept.insert(key.clone(), value);
                }
            }
            (!kept.is_empty()).then_some(Json::Object(kept))
        }
        View::List(list, items) => {
            let kept: Vec<Json> = items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| {
                    let key = element::item(place, list, index, item);
                    one(place.items(list), item, set, &key)
                })
                .collect();
            (!kept.is_empty()).then_some(Json::Array(kept))
        }
        View::Empty | View::Leaf => Some(value.clone()),
    }
}

fn one(place: Place<'_>, value: &Json, set: &Map, key: &str) -> Option<Json> {
    match fields::get(set, key) {
        Some((true, _)) => None,
        Some((false, below)) => remove(place, value, below),
        None => Some(value.clone()),
    }
}
