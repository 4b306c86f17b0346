//! The versions of a kind that is made at run time.
//!
//! Where all versions say the same, errors name a field of the spec as a whole, as if there were
//! one version only; that is how clients know them.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::{SPEC, schema};
use crate::fields::Fields;
use crate::format::names::dns1035_label;
use crate::report::Report;

const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];

/// The version that objects are kept in.
pub(super) fn stored(spec: &Json) -> Option<&str> {
    spec.list("versions").iter().find(|version| version.flag("storage")).map(|v| v.text("name"))
}

/// Checks all versions.
pub(super) fn check(spec: &Json, errors: &mut FieldErrors) {
    let (versions, path) = (spec.list("versions"), SPEC.child("versions"));
    for (i, version) in versions.iter().enumerate() {
        let (path, name) = (path.index(i), version.text("name"));
        check_name(name, &path.child("name"), errors);
        if versions[..i].iter().any(|earlier| earlier.text("name") == name) {
            let detail = "must contain unique version names";
            errors.invalid(&SPEC.child("versions"), spec.sub("versions"), detail);
        }
    }
    if versions.iter().filter(|version| version.flag("storage")).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        errors.invalid(&path, spec.sub("versions"), detail);
    }
    if let Some(first) = versions.first() {
        let faults = dns1035_label(first.text("name"));
        if !faults.is_empty() {
            errors.invalid(&SPEC.child("version"), first.text("name"), faults.join(","));
        }
    }
    let shared = |field: &str| versions.iter().all(|v| v.sub(field) == versions[0].sub(field));
    for (i, version) in versions.iter().enumerate() {
        let own = path.index(i);
        check_part(version, i, shared("schema"), &own, errors);
        let columns = if shared("additionalPrinterColumns") { &SPEC } else { &own };
        if i == 0 || !shared("additionalPrinterColumns") {
            check_columns(version, &columns.child("additionalPrinterColumns"), errors);
        }
        let fields = if shared("selectableFields") { &SPEC } else { &own };
        if i == 0 || !shared("selectableFields") {
            check_selectable(version, &fields.child("selectableFields"), errors);
        }
    }
}

fn check_name(name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let faults = dns1035_label(name);
    if !faults.is_empty() {
        errors.invalid(path, name, faults.join(","));
    }
}

/// Checks the schema of the version at `own`.
fn check_part(version: &Json, i: usize, shared: bool, own: &Path<'_>, errors: &mut FieldErrors) {
    if shared && i > 0 {
        return;
    }
    let at = if shared { SPEC.child("validation") } else { own.child("schema") };
    match version.sub("schema").get_set("openAPIV3Schema") {
        None => {
            let path = own.child("schema");
            let path = path.child("openAPIV3Schema");
            errors.required(&path, "schemas are required");
        }
        Some(tree) => schema::check_root(tree, &at.child("openAPIV3Schema"), errors),
    }
}

fn check_columns(version: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, column) in version.list("additionalPrinterColumns").iter().enumerate() {
        let path = path.index(i);
        if column.text("name").is_empty() {
            errors.required(&path.child("name"), "");
        }
        let kind = column.text("type");
        if kind.is_empty() {
            let detail = format!("must be one of {}", TYPES.join(","));
            errors.required(&path.child("type"), detail);
        } else if !TYPES.contains(&kind) {
            let detail = format!("must be one of {}", TYPES.join(","));
            errors.invalid(&path.child("type"), kind, detail);
        }
        let source = column.text("jsonPath");
        if source.is_empty() {
            errors.required(&path.child("JSONPath"), "");
        } else if !source.starts_with('.') {
            let detail = "must be a simple json path starting with .";
            errors.invalid(&path.child("JSONPath"), source, detail);
        }
    }
}

fn check_selectable(version: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let root = version.sub("schema").sub("openAPIV3Schema");
    for (i, field) in version.list("selectableFields").iter().enumerate() {
        let (path, source) = (path.index(i), field.text("jsonPath"));
        let path = path.child("jsonPath");
        if source.is_empty() {
            errors.required(&path, "");
            continue;
        }
        let steps = source.trim_start_matches('.').split('.');
        let found = steps.fold(root, |tree, step| tree.sub("properties").sub(step));
        if found.is_null() {
            errors.invalid(&path, source, "is an invalid path: does not refer to a valid field");
        } else if !matches!(found.text("type"), "string" | "integer" | "boolean") {
            const DETAIL: &str = "must point to a field of type string, boolean or integer. \
                Enum string fields and strings with formats are allowed.";
            errors.invalid(&path, source, DETAIL);
        }
    }
}
