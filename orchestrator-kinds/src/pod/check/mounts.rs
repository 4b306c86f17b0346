//! Where volumes appear in containers: as directories and as block devices.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::PodCx;
use crate::fields::Fields;
use crate::format::paths::check_descending;
use crate::report::Report;

/// Checks the directories of a container.
pub(super) fn check_mounts(
    container: &Json,
    cx: &PodCx<'_>,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let (mounts, devices) = (container.list("volumeMounts"), container.list("volumeDevices"));
    for (i, mount) in mounts.iter().enumerate() {
        let at = path.index(i);
        let (name, target) = (mount.text("name"), mount.text("mountPath"));
        if name.is_empty() {
            errors.required(&at.child("name"), "");
        }
        if cx.volume(name).is_none() {
            errors.missing(&at.child("name"), name, "");
        }
        if target.is_empty() {
            errors.required(&at.child("mountPath"), "");
        }
        if mounts[..i].iter().any(|earlier| earlier.text("mountPath") == target) {
            errors.invalid(&at.child("mountPath"), target, "must be unique");
        }
        if devices.iter().any(|device| device.text("name") == name) {
            errors.invalid(&at.child("name"), name, "must not already exist in volumeDevices");
        }
        if devices.iter().any(|device| device.text("devicePath") == target) {
            const DETAIL: &str = "must not already exist as a path in volumeDevices";
            errors.invalid(&at.child("mountPath"), target, DETAIL);
        }
        check_part(mount, &at, path, errors);
        check_propagation(mount, container, path, errors);
        check_recursive(mount, &at, errors);
    }
}

/// Checks which part of the volume is mounted. Paths are reported at the list, as clients know it.
fn check_part(mount: &Json, at: &Path<'_>, list: &Path<'_>, errors: &mut FieldErrors) {
    let (part, expression) = (mount.text("subPath"), mount.text("subPathExpr"));
    if !part.is_empty() {
        check_descending(part, &list.child("subPath"), errors);
    }
    if expression.is_empty() {
        return;
    }
    if !part.is_empty() {
        const DETAIL: &str = "subPathExpr and subPath are mutually exclusive";
        errors.invalid(&at.child("subPathExpr"), expression, DETAIL);
    }
    check_descending(expression, &list.child("subPathExpr"), errors);
}

fn check_propagation(mount: &Json, container: &Json, list: &Path<'_>, errors: &mut FieldErrors) {
    const MODES: [&str; 3] = ["Bidirectional", "HostToContainer", "None"];
    let Some(mode) = mount.sub("mountPropagation").as_str() else { return };
    let path = list.child("mountPropagation");
    if !MODES.contains(&mode) {
        errors.unsupported(&path, mode, &MODES);
    }
    if mode == "Bidirectional" && !container.sub("securityContext").flag("privileged") {
        const DETAIL: &str =
            "Bidirectional mount propagation is available only to privileged containers";
        errors.forbidden(&path, DETAIL);
    }
}

fn check_recursive(mount: &Json, at: &Path<'_>, errors: &mut FieldErrors) {
    let path = at.child("recursiveReadOnly");
    match mount.sub("recursiveReadOnly").as_str() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !mount.flag("readOnly") {
                errors.forbidden(&path, "may only be specified when readOnly is true");
            }
            if mount.sub("mountPropagation").as_str().is_some_and(|mode| mode != "None") {
                const DETAIL: &str =
                    "may only be specified when mountPropagation is None or not specified";
                errors.forbidden(&path, DETAIL);
            }
        }
        Some(other) => {
            errors.unsupported(&path, other, &["Disabled", "Enabled", "IfPossible"]);
        }
    }
}

/// Checks the block devices of a container.
pub(super) fn check_devices(
    container: &Json,
    cx: &PodCx<'_>,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let (mounts, devices) = (container.list("volumeMounts"), container.list("volumeDevices"));
    for (i, device) in devices.iter().enumerate() {
        let (at, earlier) = (path.index(i), &devices[..i]);
        let (name, target) = (device.text("name"), device.text("devicePath"));
        if name.is_empty() {
            errors.required(&at.child("name"), "");
        } else if earlier.iter().any(|other| other.text("name") == name) {
            errors.invalid(&at.child("name"), name, "must be unique");
        }
        match cx.volume(name) {
            None => errors.missing(&at.child("name"), name, ""),
            Some(volume) if volume.has("persistentVolumeClaim") || volume.has("ephemeral") => {}
            Some(_) => {
                const DETAIL: &str = "can only use volume source type of PersistentVolumeClaim or \
                    Ephemeral for block mode";
                errors.invalid(&at.child("name"), name, DETAIL);
            }
        }
        check_device_path(target, earlier, &at.child("devicePath"), errors);
        if mounts.iter().any(|mount| mount.text("name") == name) {
            errors.invalid(&at.child("name"), name, "must not already exist in volumeMounts");
        }
        if mounts.iter().any(|mount| mount.text("mountPath") == target) {
            const DETAIL: &str = "must not already exist as a path in volumeMounts";
            errors.invalid(&at.child("devicePath"), target, DETAIL);
        }
    }
}

fn check_device_path(target: &str, earlier: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    if target.is_empty() {
        errors.required(path, "");
    }
    if earlier.iter().any(|other| other.text("devicePath") == target) {
        errors.invalid(path, target, "must be unique");
    }
    if target.split('/').any(|part| part == "..") {
        errors.invalid(path, target, "can not contain backsteps ('..')");
    }
}
