//! The order of merged items: that of the patch for its items, that of the object for the rest.

use super::{PATCH, PatchError};
use crate::Json;

/// What tells items apart: the value of the merge key, or the item itself.
fn identity<'a>(item: &'a Json, key: Option<&str>) -> Option<&'a Json> {
    match key {
        Some(key) => item.get(key),
        None => Some(item),
    }
}

fn place(items: &[Json], item: &Json, key: Option<&str>) -> Option<usize> {
    let wanted = identity(item, key)?;
    items.iter().position(|known| identity(known, key) == Some(wanted))
}

/// Checks that the items of `patch` come in the order that `$setElementOrder` gives.
pub(super) fn check(patch: &[Json], wanted: &[Json], key: Option<&str>) -> Result<(), PatchError> {
    let mut rest = wanted.iter();
    for item in patch {
        if item.get(PATCH).is_some_and(|directive| directive == "delete") {
            continue;
        }
        let id = identity(item, key);
        if id.is_none() || !rest.any(|known| identity(known, key) == id) {
            return Err(PatchError::Directive("invalid patch format of setElementOrder list"));
        }
    }
    Ok(())
}

/// Orders `merged`: items named in `patch` as they come there, the others as in `server`.
///
/// The two sequences interleave so that an item of the server comes first only where it stood
/// before the item of the patch already.
pub(super) fn arrange(
    merged: Vec<Json>,
    patch: &[Json],
    server: &[Json],
    key: Option<&str>,
) -> Result<Vec<Json>, PatchError> {
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for item in merged {
        match place(patch, &item, key) {
            Some(index) => named.push((index, place(server, &item, key), item)),
            None => others.push((place(server, &item, key), item)),
        }
    }
    named.sort_by_key(|(index, ..)| *index);
    others.sort_by_key(|(index, _)| index.unwrap_or(usize::MAX));
    let mut others = others.into_iter().peekable();
    let mut ordered = Vec::with_capacity(named.len() + others.len());
    for (_, index, item) in named {
        while let Some((other, _)) = others.peek() {
            let stood_before = matches!((other, index), (Some(a), Some(b)) if *a < b);
            if !stood_before {
                break;
            }
            ordered.extend(others.next().map(|(_, item)| item));
        }
        ordered.push(item);
    }
    ordered.extend(others.map(|(_, item)| item));
    Ok(ordered)
}
