//! The annotation of client-side apply, which kubectl's server-side apply takes over.
//!
//! A first server-side apply by kubectl may change the fields that its client-side apply wrote
//! before, and later ones keep the annotation up to date for clients that still read it.

use super::claim::claim;
use super::compare::compare;
use super::fields;
use super::walk::Place;
use crate::Json;
use crate::object::{Map, Object, map_entry};
use crate::schema::decode;

/// The manager for which the annotation is kept.
pub(super) const KUBECTL: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Annotations beyond this size are refused, so a configuration that is larger is not kept.
const MAX_BYTES: usize = 256 * 1024;

/// The fields that the annotation of `live` claims and that still have the value it gives.
pub(super) fn claimed(place: Place<'_>, live: &Object) -> Option<Map> {
    let last = live.annotation(ANNOTATION)?;
    let Json::Object(last) = decode::untyped(last.as_bytes()).ok()?.value else { return None };
    let difference = compare(place, &last, live.as_map());
    let mut claimed = claim(place, &last);
    for changed in [&difference.modified, &difference.added, &difference.removed] {
        fields::subtract(&mut claimed, changed);
    }
    Some(claimed)
}

/// Writes what kubectl applied into the annotation of `object`, if it has one.
pub(super) fn update(object: &mut Object, applied: &Object) {
    if object.annotation(ANNOTATION).is_none_or(str::is_empty) {
        return;
    }
    let mut applied = applied.clone();
    if applied.annotations().is_some() {
        map_entry(applied.meta_mut(), "annotations").remove(ANNOTATION);
    }
    let text = format!("{}\n", applied.into_json());
    let annotations = map_entry(object.meta_mut(), "annotations");
    if text.len() > MAX_BYTES {
        annotations.remove(ANNOTATION);
    } else {
        annotations.insert(ANNOTATION.into(), Json::String(text));
    }
}
