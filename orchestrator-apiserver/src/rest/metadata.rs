//! The metadata that the server keeps: identity, times, the fields that a write may not change.

use orchestrator_core::object::Object;
use orchestrator_core::{Json, Status};

use crate::pipeline::Cx;

/// The longest part of a `generateName` that is kept, so that the whole stays a valid name.
const MAX_GENERATED_BASE: usize = 63 - SUFFIX_LETTERS;

/// How many random letters follow a `generateName`.
const SUFFIX_LETTERS: usize = 5;

/// Puts the object into the request's namespace.
///
/// # Errors
/// 400: it says that it belongs elsewhere.
pub(crate) fn place(cx: &Cx<'_>, object: &mut Object) -> Result<(), Status> {
    check_place(cx, object)?;
    if object.namespace() != cx.request.namespace {
        object.set_meta("namespace", cx.request.namespace.as_str());
    }
    Ok(())
}

/// Gives the object the name that the request has.
///
/// # Errors
/// 400: it says that it is called otherwise.
pub(crate) fn call(cx: &Cx<'_>, object: &mut Object) -> Result<(), Status> {
    check_name(cx, object)?;
    if object.name() != cx.request.name {
        object.set_meta("name", cx.request.name.as_str());
    }
    Ok(())
}

/// Whether the object may be in the request's namespace: it says so, or nothing.
///
/// # Errors
/// 400: it says that it belongs elsewhere.
pub(crate) fn check_place(cx: &Cx<'_>, object: &Object) -> Result<(), Status> {
    const WHY: &str =
        "the namespace of the provided object does not match the namespace sent on the request";
    match object.namespace() {
        named if named.is_empty() || named == cx.request.namespace => Ok(()),
        _ => Err(Status::bad_request(WHY)),
    }
}

/// Whether the object may have the request's name: it says so, or nothing.
///
/// # Errors
/// 400: it says that it is called otherwise.
pub(crate) fn check_name(cx: &Cx<'_>, object: &Object) -> Result<(), Status> {
    let wanted = cx.request.name.as_str();
    match object.name() {
        named if named.is_empty() || named == wanted => Ok(()),
        named => Err(Status::bad_request(format!(
            "the name of the object ({named}) does not match the name on the URL ({wanted})"
        ))),
    }
}

/// Gives a new object its identity, and takes from it what only the server may set.
pub(crate) fn begin(cx: &Cx<'_>, object: &mut Object) {
    let (uid, now) = (cx.server.env.uid(), cx.now().to_owned());
    let meta = object.meta_mut();
    for name in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        meta.remove(name);
    }
    meta.insert("uid".into(), Json::String(uid));
    meta.insert("creationTimestamp".into(), Json::String(now));
}

/// A name that begins with the object's `generateName`; `None` where it has a name or no prefix.
pub(crate) fn generated_name(cx: &Cx<'_>, object: &Object) -> Option<String> {
    let base = object.generate_name();
    if base.is_empty() || !object.name().is_empty() {
        return None;
    }
    let mut end = base.len().min(MAX_GENERATED_BASE);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    Some(format!("{}{}", &base[..end], cx.server.env.suffix(SUFFIX_LETTERS)))
}

/// Brings back what an update may not change, before the strategy looks at it.
pub(crate) fn keep(new: &mut Object, old: &Object) {
    let generation = old.meta("generation").cloned().unwrap_or_default();
    new.set_meta("generation", generation);
    if new.uid().is_empty() {
        new.set_meta("uid", old.uid());
    }
    for name in ["creationTimestamp", "deletionTimestamp"] {
        if let Some(kept) = old.meta(name) {
            new.meta_mut().insert(name.into(), kept.clone());
        }
    }
    if old.deletion_timestamp().is_none() {
        // Only a deletion begins a deletion.
        new.meta_mut().remove("deletionTimestamp");
    }
    let grace = "deletionGracePeriodSeconds";
    match old.meta(grace) {
        Some(kept) if new.meta(grace).is_none() => {
            new.meta_mut().insert(grace.into(), kept.clone());
        }
        None => drop(new.meta_mut().remove(grace)),
        Some(_) => {}
    }
    new.meta_mut().remove("selfLink");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(meta: Json) -> Object {
        serde_json::from_value(json!({ "metadata": meta })).unwrap()
    }

    #[test]
    fn an_update_keeps_identity_times_and_a_deletion_under_way() {
        let old = object(json!({"uid": "u", "creationTimestamp": "c", "deletionTimestamp": "d",
            "deletionGracePeriodSeconds": 3, "generation": 2}));
        let mut new = object(json!({"creationTimestamp": "x", "generation": 9, "selfLink": "l"}));
        keep(&mut new, &old);
        assert_eq!(new, old);
    }

    #[test]
    fn an_update_cannot_begin_a_deletion() {
        let old = object(json!({"uid": "u"}));
        let mut new = object(json!({"deletionTimestamp": "d", "deletionGracePeriodSeconds": 3}));
        keep(&mut new, &old);
        assert_eq!(new, old);
    }
}
