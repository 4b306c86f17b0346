//! Merging maps, and the directives on them.

use super::list::{self, drop_directives};
use super::{DELETE_ITEMS, PATCH, PatchError, Place, RETAIN_KEYS, SET_ORDER, order};
use crate::Json;
use crate::object::{Key, Map};
use crate::patch::GoValue;

/// Lays `patch` over `original`.
pub(super) fn merge(
    mut original: Map,
    mut patch: Map,
    place: Place<'_>,
) -> Result<Map, PatchError> {
    if let Some(directive) = patch.get(PATCH) {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(PATCH);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(unknown_directive(&patch)),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    set_orders(&mut original, &mut patch, place)?;
    for (key, value) in patch {
        let (key, deletes) = match key.strip_prefix(DELETE_ITEMS) {
            Some(key) => (Key::new(key), true),
            None => (key, false),
        };
        merge_field(&mut original, key, value, deletes, place)?;
    }
    Ok(original)
}

/// The error of a `$patch` that says something else than it may.
pub(super) fn unknown_directive(patch: &Map) -> PatchError {
    let directive = patch.get(PATCH).unwrap_or(&Json::Null);
    let whole = Json::Object(patch.clone());
    PatchError::Merge(format!(
        "unknown patch type: {} in map: {}",
        GoValue(directive),
        GoValue(&whole)
    ))
}

/// Merges one field; `deletes` means that `value` lists items to take out of a list.
fn merge_field(
    original: &mut Map,
    key: Key,
    value: Json,
    deletes: bool,
    place: Place<'_>,
) -> Result<(), PatchError> {
    if value.is_null() {
        original.remove(&key);
        return Ok(());
    }
    let (below, rule) = place.below(&key);
    let merged = match (original.remove(&key), value) {
        (Some(Json::Object(old)), Json::Object(new)) => {
            Json::Object(if rule.replace { new } else { merge(old, new, below)? })
        }
        (Some(Json::Array(old)), Json::Array(new)) => {
            Json::Array(list::merge(old, new, rule, deletes, below)?)
        }
        (Some(old), _) if deletes => old,
        (None, _) if deletes => return Ok(()),
        (_, new) => match drop_directives(new) {
            Some(new) => new,
            None => return Ok(()),
        },
    };
    original.insert(key, merged);
    Ok(())
}

/// Carries out `$retainKeys`: removes every key that it does not name.
fn retain_keys(original: &mut Map, patch: &mut Map) -> Result<(), PatchError> {
    let malformed = || PatchError::Directive("invalid patch format of retainKeys");
    let Some(keys) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let keys = keys.as_array().ok_or_else(malformed)?;
    let named = |key: &str| keys.iter().any(|named| named.as_str() == Some(key));
    for (key, value) in patch.iter() {
        let directive = key.starts_with(DELETE_ITEMS) || key.starts_with(SET_ORDER);
        if !value.is_null() && !directive && !named(key) {
            return Err(malformed());
        }
    }
    original.retain(|key, _| named(key));
    Ok(())
}

/// Carries out the `$setElementOrder` directives, merging the lists that they are about.
fn set_orders(original: &mut Map, patch: &mut Map, place: Place<'_>) -> Result<(), PatchError> {
    let directives: Vec<Key> =
        patch.keys().filter(|key| key.starts_with(SET_ORDER)).cloned().collect();
    for directive in directives {
        let wanted = patch.remove(&directive).unwrap_or_default();
        let key = &directive[SET_ORDER.len()..];
        let wanted = as_list(wanted)?;
        let old = original.get(key).cloned().map(as_list).transpose()?;
        let new = patch.remove(key).map(as_list).transpose()?;
        let (below, rule) = place.below(key);
        let merge_key = rule.merge_key.as_deref();
        if let Some(new) = &new {
            order::check(new, &wanted, merge_key)?;
        }
        let merged = match (old.clone(), new) {
            (None, None) => continue,
            (Some(old), None) => old,
            (None, Some(new)) => match drop_directives(Json::Array(new)) {
                Some(Json::Array(new)) => new,
                _ => continue,
            },
            (Some(old), Some(new)) => list::merge(old, new, rule, false, below)?,
        };
        let ordered = order::arrange(merged, &wanted, &old.unwrap_or_default(), merge_key)?;
        original.insert(key.into(), Json::Array(ordered));
    }
    Ok(())
}

fn as_list(value: Json) -> Result<Vec<Json>, PatchError> {
    match value {
        Json::Array(items) => Ok(items),
        Json::Null => Ok(Vec::new()),
        other => Err(PatchError::Merge(format!(
            "expected a list, but received a {}",
            crate::patch::kind(&other)
        ))),
    }
}
