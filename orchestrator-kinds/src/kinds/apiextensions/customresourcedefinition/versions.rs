//! The versions of a kind that is made at run time.
//!
//! What all versions have in common (schema, subresources, columns, selectable fields) is one
//! thing, which messages name at the top of the spec.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use serde_json::json;

use super::{SPEC, parts};
use crate::fields::Fields;
use crate::format::names::dns1035_label;
use crate::report::{Report, Verbatim};

/// The version that objects are kept in.
pub(super) fn stored(spec: &Json) -> Option<&str> {
    spec.list("versions").iter().find(|version| version.flag("storage")).map(|v| v.text("name"))
}

/// Whether all versions have the same `field`.
fn is_shared(spec: &Json, field: &str) -> bool {
    let versions = spec.list("versions");
    versions.iter().all(|version| version.sub(field) == versions[0].sub(field))
}

/// Checks the list of versions, and what each has of its own.
pub(super) fn check(spec: &Json, errors: &mut FieldErrors) {
    let (versions, path) = (spec.list("versions"), SPEC.child("versions"));
    for (i, version) in versions.iter().enumerate() {
        if !version.sub("schema").has("openAPIV3Schema") {
            let (own, at) = (path.index(i), "openAPIV3Schema");
            errors.required(&own.child("schema").child(at), "");
        }
    }
    let mut storages = 0;
    let mut is_unique = true;
    for (i, version) in versions.iter().enumerate() {
        let (own, name) = (path.index(i), version.text("name"));
        storages += usize::from(version.flag("storage"));
        is_unique &= versions[..i].iter().all(|earlier| earlier.text("name") != name);
        let faults = dns1035_label(name);
        if !faults.is_empty() {
            errors.invalid(&own.child("name"), name, faults.join(","));
        }
        check_own(spec, version, &own, errors);
    }
    if !is_unique {
        let detail = "must contain unique version names";
        errors.invalid(&path, Verbatim(shown(spec)), detail);
    }
    if storages != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.invalid(&path, Verbatim(shown(spec)), detail);
    }
    if let Some(first) = versions.first() {
        let faults = dns1035_label(first.text("name"));
        if !faults.is_empty() {
            errors.invalid(&SPEC.child("version"), first.text("name"), faults.join(","));
        }
    }
}

/// Checks what a version does not share with the others.
fn check_own(spec: &Json, version: &Json, own: &Path<'_>, errors: &mut FieldErrors) {
    let warning = version.sub("deprecationWarning").as_str();
    if let Some(text) = warning {
        let at = own.child("deprecationWarning");
        if !version.flag("deprecated") {
            errors.invalid(&at, text, "can only be set for deprecated versions");
        }
        if text.len() > 256 {
            errors.invalid(&at, text, "must be <= 256 characters long");
        }
        if text.is_empty() {
            errors.invalid(&at, text, "must not be empty if specified");
        }
    }
    if !is_shared(spec, "schema") {
        let status = version.sub("subresources").has("status");
        parts::check_schema(version, status, &own.child("schema"), errors);
    }
    if !is_shared(spec, "subresources") {
        parts::check_subresources(version, &own.child("subresources"), errors);
    }
    if !is_shared(spec, "additionalPrinterColumns") {
        parts::check_columns(version, &own.child("additionalPrinterColumns"), errors);
    }
    if !is_shared(spec, "selectableFields") {
        parts::check_selectable(version, &own.child("selectableFields"), errors);
    }
}

/// Checks what all versions have in common.
pub(super) fn check_shared(spec: &Json, errors: &mut FieldErrors) {
    let versions = spec.list("versions");
    let Some(first) = versions.first() else { return };
    if is_shared(spec, "schema") {
        let status = versions.iter().any(|version| version.sub("subresources").has("status"));
        parts::check_schema(first, status, &SPEC.child("validation"), errors);
    }
    if is_shared(spec, "subresources") {
        parts::check_subresources(first, &SPEC.child("subresources"), errors);
    }
    if is_shared(spec, "additionalPrinterColumns") {
        parts::check_columns(first, &SPEC.child("additionalPrinterColumns"), errors);
    }
    if is_shared(spec, "selectableFields") {
        parts::check_selectable(first, &SPEC.child("selectableFields"), errors);
    }
}

/// The versions as messages show them: with the names of Go, and without what is shared.
fn shown(spec: &Json) -> String {
    let own = |version: &Json, field: &str| match is_shared(spec, field) {
        true => "null".to_owned(),
        false => version.sub(field).to_string(),
    };
    let one = |version: &Json| {
        format!(
            "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\
             \"Schema\":{},\"Subresources\":{},\"AdditionalPrinterColumns\":{},\
             \"SelectableFields\":{}}}",
            json!(version.text("name")),
            version.flag("served"),
            version.flag("storage"),
            version.flag("deprecated"),
            version.sub("deprecationWarning"),
            own(version, "schema"),
            own(version, "subresources"),
            own(version, "additionalPrinterColumns"),
            own(version, "selectableFields"),
        )
    };
    let all: Vec<String> = spec.list("versions").iter().map(one).collect();
    format!("[{}]", all.join(","))
}
