//! The parts of a version: schema, subresources, columns, selectable fields.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_custom::definition;
use orchestrator_custom::path::JsonPath;

use crate::fields::Fields;
use crate::meta;
use crate::report::Report;

const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const FORMATS: [&str; 8] =
    ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

/// The most fields that a version may have selected by.
const SELECTABLE_MAX: usize = 8;

/// Checks the schema below `path`.
pub(super) fn check_schema(
    version: &Json,
    status: bool,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let Some(schema) = version.sub("schema").get_set("openAPIV3Schema") else { return };
    let path = path.child("openAPIV3Schema").to_string();
    errors.extend(definition::check(schema, &path, status, &meta::check_embedded));
}

/// Checks the parts of objects that have a path of their own.
pub(super) fn check_subresources(version: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let Some(scale) = version.sub("subresources").get_set("scale") else { return };
    let path = path.child("scale");
    for (field, part) in [("specReplicasPath", "spec"), ("statusReplicasPath", "status")] {
        let (at, source) = (path.child(field), scale.text(field));
        if source.is_empty() {
            errors.required(&at, "");
        } else if check_simple(source, &at, errors)
            && source
                .strip_prefix('.')
                .and_then(|rest| rest.strip_prefix(part))
                .is_none_or(|rest| !rest.starts_with('.'))
        {
            errors.invalid(&at, source, format!("should be a json path under .{part}"));
        }
    }
    let (at, source) = (path.child("labelSelectorPath"), scale.text("labelSelectorPath"));
    if !source.is_empty()
        && check_simple(source, &at, errors)
        && !source.starts_with(".spec.")
        && !source.starts_with(".status.")
    {
        errors.invalid(&at, source, "should be a json path under either .spec or .status");
    }
}

/// Whether the path begins with a dot.
fn check_simple(source: &str, path: &Path<'_>, errors: &mut FieldErrors) -> bool {
    if !source.starts_with('.') {
        errors.invalid(path, source, "must be a simple json path starting with .");
        return false;
    }
    true
}

/// Checks the columns of tables.
pub(super) fn check_columns(version: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, column) in version.list("additionalPrinterColumns").iter().enumerate() {
        let path = path.index(i);
        if column.text("name").is_empty() {
            errors.required(&path.child("name"), "");
        }
        let (kind, at) = (column.text("type"), path.child("type"));
        let detail = format!("must be one of {}", TYPES.join(","));
        if kind.is_empty() {
            errors.required(&at, detail);
        } else if !TYPES.contains(&kind) {
            errors.invalid(&at, kind, detail);
        }
        let format = column.text("format");
        if !format.is_empty() && !FORMATS.contains(&format) {
            let detail = format!("must be one of {}", FORMATS.join(","));
            errors.invalid(&path.child("format"), format, detail);
        }
        check_source(column.text("jsonPath"), &path.child("JSONPath"), errors);
    }
}

fn check_source(source: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if source.is_empty() {
        errors.required(path, "");
    } else if check_simple(source, path, errors)
        && let Err(why) = JsonPath::parse(source)
    {
        errors.invalid(path, source, why.to_string());
    }
}

/// Checks the fields that field selectors may name.
pub(super) fn check_selectable(version: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let root = version.sub("schema").sub("openAPIV3Schema");
    let fields = version.list("selectableFields");
    for (i, field) in fields.iter().enumerate() {
        let (path, source) = (path.index(i), field.text("jsonPath"));
        let path = path.child("jsonPath");
        if source.is_empty() {
            errors.required(&path, "");
            continue;
        }
        if fields[..i].iter().any(|earlier| earlier.text("jsonPath") == source) {
            errors.duplicate(&path, source, "");
            continue;
        }
        let steps = source.trim_start_matches('.').split('.');
        if source.starts_with(".metadata.") {
            errors.invalid(&path, source, "must not point to fields in metadata");
            continue;
        }
        let found = steps.fold(root, |tree, step| tree.sub("properties").sub(step));
        if found.is_null() {
            errors.invalid(&path, source, "is an invalid path: does not refer to a valid field");
        } else if !matches!(found.text("type"), "string" | "integer" | "boolean") {
            const DETAIL: &str = "must point to a field of type string, boolean or integer. \
                Enum string fields and strings with formats are allowed.";
            errors.invalid(&path, source, DETAIL);
        }
    }
    if fields.len() > SELECTABLE_MAX {
        errors.too_many(path, fields.len(), SELECTABLE_MAX);
    }
}
