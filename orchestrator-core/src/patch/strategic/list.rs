//! Merging lists.

use super::map::unknown_directive;
use super::order;
use super::{DELETE_ITEMS, PATCH, PatchError, Place, RETAIN_KEYS, SET_ORDER, map};
use crate::Json;
use crate::object::Map;
use crate::patch::GoValue;
use crate::schema::PatchRule;

/// Lays the list `patch` over `original`; `deletes` takes the items of `patch` out instead.
pub(super) fn merge(
    original: Vec<Json>,
    patch: Vec<Json>,
    rule: &PatchRule,
    deletes: bool,
    place: Place<'_>,
) -> Result<Vec<Json>, PatchError> {
    if !rule.merge && !deletes {
        return Ok(patch);
    }
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    match element_kind(&original, &patch)? {
        Element::Single if deletes => {
            Ok(original.into_iter().filter(|item| !patch.contains(item)).collect())
        }
        Element::Single => {
            let mut merged = original.clone();
            for item in &patch {
                if !merged.contains(item) {
                    merged.push(item.clone());
                }
            }
            order::arrange(merged, &patch, &original, None)
        }
        Element::Map => {
            let key = rule
                .merge_key
                .as_deref()
                .ok_or_else(|| PatchError::Merge("cannot merge lists without merge key".into()))?;
            merge_maps(original, patch, key, place)
        }
    }
}

enum Element {
    Single,
    Map,
}

/// The kind of the items, which must be the same for all.
fn element_kind(original: &[Json], patch: &[Json]) -> Result<Element, PatchError> {
    let mut items = original.iter().chain(patch);
    let mixed = || PatchError::Merge("list element types are not identical".into());
    let (mut maps, mut singles) = (false, false);
    items.try_for_each(|item| {
        match item {
            Json::Object(_) => maps = true,
            Json::Array(_) => {
                return Err(PatchError::Rejected("lists of lists are not supported".into()));
            }
            _ => singles = true,
        }
        if maps && singles { Err(mixed()) } else { Ok(()) }
    })?;
    Ok(if maps { Element::Map } else { Element::Single })
}

fn merge_maps(
    mut original: Vec<Json>,
    patch: Vec<Json>,
    key: &str,
    place: Place<'_>,
) -> Result<Vec<Json>, PatchError> {
    let mut items = Vec::with_capacity(patch.len());
    let mut replaces = false;
    for item in patch {
        let Json::Object(item) = item else { unreachable!("checked by element_kind") };
        match item.get(PATCH).map(Json::as_str) {
            None => items.push(item),
            Some(Some("delete")) => {
                let wanted = key_of(&item, key)?.clone();
                original.retain(|known| known.get(key) != Some(&wanted));
            }
            Some(Some("replace")) => replaces = true,
            Some(_) => return Err(unknown_directive(&item)),
        }
    }
    if replaces {
        return Ok(items.into_iter().map(Json::Object).collect());
    }
    let before = original.clone();
    let order: Vec<Json> = items.iter().cloned().map(Json::Object).collect();
    for item in items {
        let wanted = key_of(&item, key)?;
        let known = original.iter_mut().find(|known| known.get(key) == Some(wanted));
        match known {
            Some(known) => {
                let old = std::mem::take(known).as_object().cloned().unwrap_or_default();
                *known = Json::Object(map::merge(old, item, place)?);
            }
            None => original.extend(drop_directives(Json::Object(item))),
        }
    }
    order::arrange(original, &order, &before, Some(key))
}

fn key_of<'a>(item: &'a Map, key: &str) -> Result<&'a Json, PatchError> {
    item.get(key).ok_or_else(|| {
        let whole = Json::Object(item.clone());
        PatchError::Merge(format!(
            "map: {} does not contain declared merge key: {key}",
            GoValue(&whole)
        ))
    })
}

/// What a patch leaves where the original has nothing: no nulls, no directives.
///
/// `None` where a directive asks for the value to be deleted.
pub(super) fn drop_directives(value: Json) -> Option<Json> {
    match value {
        Json::Object(map) => {
            if map.get(PATCH).and_then(Json::as_str) == Some("delete") {
                return None;
            }
            let kept = map.into_iter().filter(|(key, value)| {
                let directive = key == PATCH
                    || key == RETAIN_KEYS
                    || key.starts_with(SET_ORDER)
                    || key.starts_with(DELETE_ITEMS);
                !directive && !value.is_null()
            });
            let kept = kept.filter_map(|(key, value)| Some((key, drop_directives(value)?)));
            Some(Json::Object(kept.collect()))
        }
        Json::Array(items) => {
            Some(Json::Array(items.into_iter().filter_map(drop_directives).collect()))
        }
        other => Some(other),
    }
}
