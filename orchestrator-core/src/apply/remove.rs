//! Taking fields out of an object.

use super::element;
use super::fields;
use super::walk::{Place, View};
use crate::Json;
use crate::object::Map;

/// The object or map `map` without the members of `set`.
pub(super) fn remove(place: Place<'_>, map: &Map, set: &Map) -> Map {
    let mut kept = Map::new();
    for (key, value) in map {
        let (below, _) = place.child(key);
        if let Some(value) = one(below, value, set, &element::field(key)) {
            kept.insert(key.clone(), value);
        }
    }
    kept
}

/// What is left of a value; `None` where nothing is left of a map or list.
fn rest(place: Place<'_>, value: &Json, set: &Map) -> Option<Json> {
    match place.view(Some(value)) {
        View::Map(map) => {
            let kept = remove(place, map, set);
            (!kept.is_empty()).then_some(Json::Object(kept))
        }
        View::List(list, items) => {
            let item = |(index, item): (usize, &Json)| {
                let key = element::item(place, list, index, item);
                one(place.items(list), item, set, &key)
            };
            let kept: Vec<Json> = items.iter().enumerate().filter_map(item).collect();
            (!kept.is_empty()).then_some(Json::Array(kept))
        }
        View::Empty | View::Leaf => Some(value.clone()),
    }
}

fn one(place: Place<'_>, value: &Json, set: &Map, key: &str) -> Option<Json> {
    match fields::get(set, key) {
        Some((true, _)) => None,
        Some((false, below)) => rest(place, value, below),
        None => Some(value.clone()),
    }
}
