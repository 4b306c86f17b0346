//! Metadata: what must hold for the part that all objects share.
//!
//! [`check`] is the rule for any object, [`check_update`] the rule for a step from one state to
//! the next. [`names`](crate::format::names) of kinds differ, so the rule for a name is handed in. What the server
//! fills in itself (uid, timestamps, managed fields) is not checked.

mod owners;

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use orchestrator_core::{Json, Object};

use crate::fields::Fields;
use crate::format::labels::{check_labels, qualified_name};
use crate::format::names::{NameRule, dns_label};
use crate::format::numbers::check_not_negative;
use crate::report::{Report, Verbatim};

/// The most that all annotations of an object may hold, in bytes.
pub const ANNOTATIONS_MAX: usize = 256 * 1024;

/// The path of the metadata.
pub const METADATA: Path<'static> = Path::new("metadata");

/// Finalizers that need no domain.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// What is wrong with the metadata of a new object, whose name follows `name_rule`.
pub fn validate_create(object: &Object, namespaced: bool, name_rule: NameRule) -> FieldErrors {
    let mut errors = FieldErrors::new();
    check(object, namespaced, name_rule, &mut errors);
    errors
}

/// What is wrong with the metadata of a changed object, or with the change.
pub fn validate_update(new: &Object, old: &Object) -> FieldErrors {
    let mut errors = FieldErrors::new();
    check_update(new, old, &mut errors);
    errors
}

/// Checks the metadata of an object in any state.
pub fn check(object: &Object, namespaced: bool, name_rule: NameRule, errors: &mut FieldErrors) {
    let metadata = object.sub("metadata");
    check_name(metadata, name_rule, errors);
    check_namespace(metadata, namespaced, errors);
    check_not_negative(object.generation(), &METADATA.child("generation"), errors);
    check_shared(metadata, &METADATA, errors);
    check_finalizers(metadata, errors);
}

/// Checks labels, annotations and owners: what can be wrong in every state.
fn check_shared(metadata: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_labels(metadata.map("labels"), &path.child("labels"), errors);
    check_annotations(metadata.map("annotations"), &path.child("annotations"), errors);
    owners::check(metadata.list("ownerReferences"), &path.child("ownerReferences"), errors);
}

fn check_name(metadata: &Json, name_rule: NameRule, errors: &mut FieldErrors) {
    let prefix = metadata.text("generateName");
    if !prefix.is_empty() {
        // A suffix will follow, so the prefix may end with a hyphen.
        let masked = prefix.strip_suffix('-').filter(|_| prefix.len() > 1);
        let faults = match masked {
            Some(stem) => name_rule(&format!("{}a", &stem[..stem.len() - last_len(stem)])),
            None => name_rule(prefix),
        };
        errors.faults(&METADATA.child("generateName"), prefix, faults);
    }
    let name = metadata.text("name");
    match name.is_empty() {
        true => errors.required(&METADATA.child("name"), "name or generateName is required"),
        false => errors.faults(&METADATA.child("name"), name, name_rule(name)),
    }
}

/// The length of the last letter.
fn last_len(text: &str) -> usize {
    text.chars().next_back().map_or(0, char::len_utf8)
}

fn check_namespace(metadata: &Json, namespaced: bool, errors: &mut FieldErrors) {
    let (path, namespace) = (METADATA.child("namespace"), metadata.text("namespace"));
    match (namespaced, namespace.is_empty()) {
        (true, true) => errors.required(&path, ""),
        (true, false) => errors.faults(&path, namespace, dns_label(namespace)),
        (false, false) => errors.forbidden(&path, "not allowed on this type"),
        (false, true) => {}
    }
}

/// Checks annotations at `path`: keys are qualified names in any case, and the whole is not too
/// large.
pub fn check_annotations(annotations: Option<&Map>, path: &Path<'_>, errors: &mut FieldErrors) {
    let mut size = 0;
    for (key, value) in annotations.into_iter().flatten() {
        size += key.len() + value.as_str().map_or(0, str::len);
        // Case does not matter to the form, except in the prefix.
        if !qualified_name(key).is_empty() {
            errors.faults(path, key, qualified_name(&key.to_lowercase()));
        }
    }
    if size > ANNOTATIONS_MAX {
        errors.too_long(path, ANNOTATIONS_MAX);
    }
}

fn check_finalizers(metadata: &Json, errors: &mut FieldErrors) {
    let path = METADATA.child("finalizers");
    let finalizers = metadata.list("finalizers");
    for name in metadata.texts("finalizers") {
        errors.faults(&path, name, qualified_name(name));
    }
    let has = |name: &str| finalizers.iter().any(|one| one == name);
    if has("orphan") && has("foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.invalid(&path, metadata.sub("finalizers"), detail);
    }
    check_finalizer_domains(metadata, errors);
}

/// A finalizer of the cluster is well known or has a domain.
fn check_finalizer_domains(metadata: &Json, errors: &mut FieldErrors) {
    let path = METADATA.child("finalizers");
    for (i, name) in metadata.texts("finalizers").enumerate() {
        check_finalizer_domain(name, &path.index(i), errors);
    }
}

/// Checks that a finalizer is well known or has a domain.
pub fn check_finalizer_domain(name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if !name.contains('/') && !STANDARD_FINALIZERS.contains(&name) {
        const DETAIL: &str = "name is neither a standard finalizer name nor is it fully qualified";
        errors.invalid(path, name, DETAIL);
    }
}

/// Checks the step from `old` to `new`, and what can be wrong with `new` on its own.
pub fn check_update(new: &Object, old: &Object, errors: &mut FieldErrors) {
    check_generic_update(new, old, errors);
    check_finalizer_domains(new.sub("metadata"), errors);
}

/// The part of [`check_update`] that knows no finalizers of the cluster.
pub(crate) fn check_generic_update(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let metadata = new.sub("metadata");
    if old.deletion_timestamp().is_some() {
        check_no_new_finalizers(new, old, errors);
    }
    if new.generation() < old.generation() {
        errors.invalid(&METADATA.child("generation"), new.generation(), "must not be decremented");
    }
    for field in ["name", "namespace", "uid"] {
        let (new, was) = (metadata.text(field), old.sub("metadata").text(field));
        if new != was && !new.is_empty() {
            errors.invalid(&METADATA.child(field), new, "field is immutable");
        }
    }
    check_shared(metadata, &METADATA, errors);
}

fn check_no_new_finalizers(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let had = |name: &str| old.finalizers().any(|one| one == name);
    let extra: Vec<String> =
        new.finalizers().filter(|name| !had(name)).map(|name| format!("{name:?}")).collect();
    if !extra.is_empty() {
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers \
             []string{{{}}}",
            extra.join(", ")
        );
        errors.forbidden(&METADATA.child("finalizers"), detail);
    }
}

/// What the server checks beside the rules of the kind when an object changes: any name that a
/// path can hold is fine.
pub(crate) fn check_common_update(
    new: &Object,
    old: &Object,
    namespaced: bool,
    errors: &mut FieldErrors,
) {
    let metadata = new.sub("metadata");
    check_name(metadata, crate::format::names::path_segment, errors);
    check_namespace(metadata, namespaced, errors);
    check_not_negative(new.generation(), &METADATA.child("generation"), errors);
    check_shared(metadata, &METADATA, errors);
    for name in metadata.texts("finalizers") {
        errors.faults(&METADATA.child("finalizers"), name, qualified_name(name));
    }
    check_generic_update(new, old, errors);
}

/// Checks the metadata of an object inside of another one; `path` is where it stands. Any name
/// that a path can hold is fine, and so is none.
pub fn check_embedded(metadata: &Map, path: &str, errors: &mut FieldErrors) {
    let mut object = Object::default();
    object.set("metadata", Json::Object(metadata.clone()));
    if object.name().is_empty() {
        object.set_meta("name", "unnamed");
    }
    let mut found = FieldErrors::new();
    let namespaced = !object.namespace().is_empty();
    check(&object, namespaced, crate::format::names::path_segment, &mut found);
    errors.extend(found.into_iter().map(|mut error| {
        error.field = error.field.replacen("metadata", path, 1);
        error
    }));
}

/// A list of owners as messages show it.
pub(super) fn shown_owners(owners: &[Json]) -> Verbatim<String> {
    Verbatim(owners::shown(owners))
}

#[cfg(test)]
mod tests;
