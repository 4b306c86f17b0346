//! Environment variables.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::volume_files::{check_field_reference, check_resource_reference};
use crate::fields::Fields;
use crate::format::names::{config_key, env_var};
use crate::report::Report;

/// The fields of its pod that a variable can hold.
const POD_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

const ONE_SOURCE: &str = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, \
    `secretKeyRef` or `fileKeyRef`";
const TOO_MANY: &str = "may not have more than one field specified at a time";

/// Checks variables that are named one by one.
pub(super) fn check_variables(variables: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, variable) in variables.iter().enumerate() {
        let path = path.index(i);
        let name = variable.text("name");
        match name.is_empty() {
            true => errors.required(&path.child("name"), ""),
            false => errors.faults(&path.child("name"), name, env_var(name)),
        }
        if variable.has("valueFrom") {
            check_value_from(variable, &path.child("valueFrom"), errors);
        }
    }
}

fn check_value_from(variable: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let source = variable.sub("valueFrom");
    let mut count = 0;
    let mut found = |name: &str| source.get_set(name).inspect(|_| count += 1);
    if let Some(field) = found("fieldRef") {
        check_field_reference(field, &POD_FIELDS, &path.child("fieldRef"), errors);
    }
    if let Some(resource) = found("resourceFieldRef") {
        check_resource_reference(resource, false, &path.child("resourceFieldRef"), errors);
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(key) = found(name) {
            check_key(key.text("key"), &path.child(name).child("key"), errors);
        }
    }
    if let Some(file) = found("fileKeyRef") {
        check_file(file, &path.child("fileKeyRef"), errors);
    }
    if count == 0 {
        errors.invalid(path, "", ONE_SOURCE);
    } else if !variable.text("value").is_empty() {
        errors.invalid(path, "", "may not be specified when `value` is not empty");
    } else if count > 1 {
        errors.invalid(path, "", TOO_MANY);
    }
}

fn check_key(key: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    match key.is_empty() {
        true => errors.required(path, ""),
        false => errors.faults(path, key, config_key(key)),
    }
}

fn check_file(file: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let key = file.text("key");
    match key.is_empty() {
        true => errors.required(&path.child("key"), ""),
        false => errors.faults(&path.child("key"), key, env_var(key)),
    }
    for field in ["volumeName", "path"] {
        if file.text(field).is_empty() {
            errors.required(&path.child(field), "");
        }
    }
}

/// Checks config maps and secrets whose keys all become variables.
pub(super) fn check_sources(sources: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, source) in sources.iter().enumerate() {
        let prefix = source.text("prefix");
        if !prefix.is_empty() {
            errors.faults(&path.index(i).child("prefix"), prefix, env_var(prefix));
        }
        match ["configMapRef", "secretRef"].iter().filter(|name| source.has(name)).count() {
            0 => {
                const DETAIL: &str = "must specify one of: `configMapRef` or `secretRef`";
                errors.invalid(path, "", DETAIL);
            }
            1 => {}
            _ => errors.invalid(path, "", TOO_MANY),
        }
    }
}
