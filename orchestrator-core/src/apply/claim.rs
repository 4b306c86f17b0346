//! The fields that an applied object claims: all that it names.

use super::element;
use super::fields;
use super::walk::{Place, View};
use crate::Json;
use crate::object::Map;

/// The set of fields that the object or map `map` names at `place`.
pub(super) fn claim(place: Place<'_>, map: &Map) -> Map {
    let mut set = Map::new();
    for (key, value) in map {
        let (below, field) = place.child(key);
        let (whole, children) = node(below, value);
        let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        let member = whole || empty || field.is_none();
        fields::put(&mut set, || element::field(key), member, children);
    }
    set
}

/// Whether the value itself is claimed as a whole, and what is claimed below it.
fn node(place: Place<'_>, value: &Json) -> (bool, Map) {
    match place.view(Some(value)) {
        View::Leaf => (true, Map::new()),
        View::Empty => (false, Map::new()),
        View::Map(map) => (false, claim(place, map)),
        View::List(list, items) => {
            let mut set = Map::new();
            for (index, value) in items.iter().enumerate() {
                let key = element::item(place, list, index, value);
                let (_, children) = node(place.items(list), value);
                let mut one = Map::new();
                fields::put(&mut one, || key, true, children);
                fields::union(&mut set, one);
            }
            (false, set)
        }
    }
}

/// Makes each declared field that leads to members a member itself.
pub(super) fn with_named(place: Place<'_>, set: &Map) -> Map {
    let mut named = Map::new();
    for (key, node) in fields::elements(set) {
        let (below, field) = place.element(key);
        let children = with_named(below, node);
        let member = node.is_empty() || node.contains_key(fields::SELF) || field.is_some();
        fields::put(&mut named, || key.to_owned(), member, children);
    }
    named
}
