//! Files that volumes are made of: keys of config maps and secrets, fields of the pod, tokens.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::labels::qualified_name;
use crate::format::paths::check_descending_unreserved;
use crate::report::Report;

/// The fields of its pod that a file can hold.
const POD_FIELDS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

/// All fields of a pod that can be named.
const NAMED_FIELDS: [&str; 14] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The resources of a container that can be named.
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

const SIZES: [&str; 14] =
    ["0", "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
const MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const CONFLICT: &str = "conflicting duplicate paths";

/// The bounds of a token's life, in seconds.
const TOKEN_MIN_S: i64 = 600;
const TOKEN_MAX_S: i64 = 1 << 32;

/// Checks that the field `name` is the mode of a file, where it is set.
pub(super) fn check_mode(parent: &Json, name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if let Some(mode) = parent.int(name).filter(|mode| !(0..=0o777).contains(mode)) {
        errors.invalid(&path.child(name), mode, MODE);
    }
}

/// Checks a key and the path of the file that it becomes.
pub(super) fn check_key_file(file: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if file.text("key").is_empty() {
        errors.required(&path.child("key"), "");
    }
    check_path(file, path, errors);
    check_mode(file, "mode", path, errors);
}

fn check_path(file: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let target = file.text("path");
    if target.is_empty() {
        errors.required(&path.child("path"), "");
    }
    check_descending_unreserved(target, &path.child("path"), errors);
}

/// Checks a file made from a field or a resource of the pod.
pub(super) fn check_downward_file(file: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_path(file, path, errors);
    match (file.get_set("fieldRef"), file.get_set("resourceFieldRef")) {
        (Some(field), resource) => {
            check_field_reference(field, &POD_FIELDS, &path.child("fieldRef"), errors);
            if resource.is_some() {
                const DETAIL: &str =
                    "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.invalid(path, "resource", DETAIL);
            }
        }
        (None, Some(resource)) => {
            check_resource_reference(resource, true, &path.child("resourceFieldRef"), errors);
        }
        (None, None) => {
            errors.required(path, "one of fieldRef and resourceFieldRef is required");
        }
    }
    check_mode(file, "mode", path, errors);
}

/// Checks a reference to a field of the pod, which is one of `supported`.
pub fn check_field_reference(
    reference: &Json,
    supported: &[&str],
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let (version, field) = (reference.text("apiVersion"), reference.text("fieldPath"));
    for (name, value) in [("apiVersion", version), ("fieldPath", field)] {
        if value.is_empty() {
            errors.required(&path.child(name), "");
            return;
        }
    }
    let at = path.child("fieldPath");
    if version != "v1" {
        let fault = format!("error converting fieldPath: unsupported pod version: {version}");
        errors.invalid(&at, field, fault);
        return;
    }
    let subscript = field.strip_suffix("']").and_then(|rest| rest.split_once("['"));
    match subscript {
        Some(("metadata.annotations", key)) => {
            errors.faults(path, key, qualified_name(&key.to_lowercase()));
        }
        Some(("metadata.labels", key)) => errors.faults(path, key, qualified_name(key)),
        _ if field == "spec.host" || !NAMED_FIELDS.contains(&field) => {
            let fault = format!("error converting fieldPath: field label not supported: {field}");
            errors.invalid(&at, field, fault);
        }
        _ if !supported.contains(&field) => errors.unsupported(&at, field, supported),
        _ => {}
    }
}

/// Checks a reference to a resource of a container; a volume, unlike a variable, names which.
pub fn check_resource_reference(
    reference: &Json,
    of_volume: bool,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let resource = reference.text("resource");
    let huge = ["limits.hugepages-", "requests.hugepages-"];
    let is_huge = huge.iter().any(|prefix| resource.starts_with(prefix));
    if of_volume && reference.text("containerName").is_empty() {
        errors.required(&path.child("containerName"), "");
    } else if resource.is_empty() {
        errors.required(&path.child("resource"), "");
    } else if !is_huge && !RESOURCES.contains(&resource) {
        errors.unsupported(&path.child("resource"), resource, &RESOURCES);
    }
    check_divisor(resource, is_huge, reference.text("divisor"), &path.child("divisor"), errors);
}

fn check_divisor(
    resource: &str,
    is_huge: bool,
    divisor: &str,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    const OF_SIZES: &str = "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, \
        1Pi, 1Ei are supported with the";
    let kind = resource.split_once('.').map_or("", |(_, kind)| kind);
    let what = match kind {
        _ if divisor.is_empty() || divisor == "0" => return,
        "cpu" if divisor != "1" && divisor != "1m" => {
            const DETAIL: &str =
                "only divisor's values 1m and 1 are supported with the cpu resource";
            errors.invalid(path, resource, DETAIL);
            return;
        }
        "memory" => "memory",
        "ephemeral-storage" => "local ephemeral storage",
        _ if is_huge => "hugepages",
        _ => return,
    };
    if !SIZES.contains(&divisor) {
        errors.invalid(path, resource, format!("{OF_SIZES} {what} resource"));
    }
}

/// Checks what a projected volume is put together from.
pub(super) fn check_projections(projected: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let mut taken: Vec<&str> = Vec::new();
    let sources = path.child("sources");
    for (i, source) in projected.list("sources").iter().enumerate() {
        check_projection(source, &sources.index(i), path, &mut taken, errors);
    }
}

fn check_projection<'a>(
    source: &'a Json,
    path: &Path<'_>,
    volume: &Path<'_>,
    taken: &mut Vec<&'a str>,
    errors: &mut FieldErrors,
) {
    let mut claim = |target: &'a str, shown: &str, errors: &mut FieldErrors| {
        if target.is_empty() {
        } else if taken.contains(&target) {
            errors.invalid(volume, shown, CONFLICT);
        } else {
            taken.push(target);
        }
    };
    for kind in ["secret", "configMap"] {
        let Some(keys) = source.get_set(kind) else { continue };
        let path = path.child(kind);
        if keys.text("name").is_empty() {
            errors.required(&path.child("name"), "");
        }
        for (i, file) in keys.list("items").iter().enumerate() {
            check_key_file(file, &path.child("items").index(i), errors);
            claim(file.text("path"), keys.text("name"), errors);
        }
    }
    for (i, file) in source.sub("downwardAPI").list("items").iter().enumerate() {
        check_downward_file(file, &path.child("downwardAPI").child("items").index(i), errors);
        claim(file.text("path"), file.text("path"), errors);
    }
    if let Some(token) = source.get_set("serviceAccountToken") {
        check_token(token, &path.child("serviceAccountToken"), errors);
        claim(token.text("path"), token.text("path"), errors);
    }
    if let Some(bundle) = source.get_set("clusterTrustBundle") {
        check_trust_bundle(bundle, &path.child("clusterTrustBundle"), errors);
        claim(bundle.text("path"), bundle.text("path"), errors);
    }
    if source.as_object().is_some_and(|kinds| kinds.len() > 1) {
        errors.forbidden(path, "may not specify more than 1 volume type");
    }
}

fn check_token(token: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if let Some(seconds) = token.int("expirationSeconds") {
        let path = path.child("expirationSeconds");
        if seconds < TOKEN_MIN_S {
            errors.invalid(&path, seconds, "may not specify a duration less than 10 minutes");
        }
        if seconds > TOKEN_MAX_S {
            errors.invalid(&path, seconds, "may not specify a duration larger than 2^32 seconds");
        }
    }
    check_path(token, path, errors);
}

fn check_trust_bundle(bundle: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let by_name = bundle.has("name");
    if by_name == bundle.has("signerName") {
        let detail = match by_name {
            true => "only one of name and signerName may be used",
            false => "one of name or signerName must be specified",
        };
        errors.invalid(path, bundle, detail);
    }
    check_path(bundle, path, errors);
}
