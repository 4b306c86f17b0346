//! Laying an applied object over the live one.

use rustc_hash::FxHashMap;

use super::element;
use super::walk::{Place, View};
use crate::Json;
use crate::object::Map;
use crate::schema::List;

/// The live object or map with all that `applied` names.
pub(super) fn merge(place: Place<'_>, live: &Map, applied: &Map) -> Map {
    let mut merged = live.clone();
    for (key, value) in applied {
        let (below, _) = place.child(key);
        let value = match live.get(key) {
            Some(live) => merge_values(below, live, value),
            None => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    merged
}

fn merge_values(place: Place<'_>, live: &Json, applied: &Json) -> Json {
    match (place.view(Some(live)), place.view(Some(applied))) {
        (View::Map(live), View::Map(applied)) => Json::Object(merge(place, live, applied)),
        (View::List(list, live), View::List(_, applied)) if !applied.is_empty() => {
            Json::Array(merge_lists(place, list, live, applied))
        }
        // An empty list or map claims nothing of what is there.
        (View::List(..), View::List(..)) | (View::Map(_) | View::List(..), View::Empty) => {
            live.clone()
        }
        _ => applied.clone(),
    }
}

/// Merges the items that both lists have and keeps the order of each list where both allow it.
///
/// The live items come in their order, each run of new items after the live item that it follows
/// in the applied list; where the orders contradict one another the applied one wins.
fn merge_lists(place: Place<'_>, list: &List, live: &[Json], applied: &[Json]) -> Vec<Json> {
    let keys = |items: &[Json]| -> Vec<String> {
        items.iter().enumerate().map(|(i, item)| element::item(place, list, i, item)).collect()
    };
    let (live_keys, applied_keys) = (keys(live), keys(applied));
    let places = |keys: &[String]| -> FxHashMap<String, usize> {
        keys.iter().enumerate().map(|(index, key)| (key.clone(), index)).collect()
    };
    let (in_live, in_applied) = (places(&live_keys), places(&applied_keys));
    let mut shared = applied_keys.iter().filter(|key| in_live.contains_key(*key)).peekable();
    let both = |key: &str| {
        let applied = &applied[in_applied[key]];
        in_live.get(key).map_or_else(
            || applied.clone(),
            |live_index| merge_values(place.items(list), &live[*live_index], applied),
        )
    };
    let mut merged = Vec::with_capacity(live.len() + applied.len());
    let mut done = vec![false; applied.len()];
    let (mut l, mut a) = (0, 0);
    while l < live.len() || a < applied.len() {
        if let (Some(left), Some(right)) = (live_keys.get(l), applied_keys.get(a)) {
            if left == right {
                done[in_applied[right]] = true;
                merged.push(both(right));
                (l, a) = (l + 1, a + 1);
                shared.next();
                continue;
            }
            if in_applied.contains_key(left) && shared.peek().is_some_and(|next| *next != left) {
                // Shared, but another shared item comes first in the applied list.
                l += 1;
                continue;
            }
        }
        if let Some(left) = live_keys.get(l) {
            match in_applied.get(left) {
                None => {
                    merged.push(live[l].clone());
                    l += 1;
                    continue;
                }
                Some(index) if done[*index] => l += 1,
                Some(_) => {}
            }
        }
        if let Some(right) = applied_keys.get(a) {
            done[in_applied[right]] = true;
            merged.push(both(right));
            a += 1;
            shared.next_if(|next| *next == right);
        }
    }
    merged
}
