//! What the operating system that a pod is made for does not know.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::pod::defaults::CONTAINER_LISTS;
use crate::report::Report;

const OF_HOST: [&str; 3] = ["hostPID", "hostIPC", "hostUsers"];
const OF_POD: [&str; 9] = [
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
];
const OF_CONTAINERS: [&str; 10] = [
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
];

const NOT_WINDOWS: &str = "cannot be set for a windows pod";
const NOT_LINUX: &str = "windows options cannot be set for a linux pod";

/// Checks a pod that names its operating system.
pub(super) fn check(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let Some(system) = spec.get_set("os") else { return };
    match system.text("name") {
        "" => errors.required(&path.child("os").child("name"), "cannot be empty"),
        "linux" => check_linux(spec, path, errors),
        "windows" => check_windows(spec, path, errors),
        other => errors.unsupported(&path.child("os"), other, &["linux", "windows"]),
    }
}

fn check_linux(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if spec.sub("securityContext").has("windowsOptions") {
        let path = path.child("securityContext");
        errors.forbidden(&path.child("windowsOptions"), NOT_LINUX);
    }
    for list in CONTAINER_LISTS {
        for (i, container) in spec.list(list).iter().enumerate() {
            if container.sub("securityContext").has("windowsOptions") {
                let path = path.child(list);
                let path = path.index(i);
                let path = path.child("securityContext");
                errors.forbidden(&path.child("windowsOptions"), NOT_LINUX);
            }
        }
    }
}

fn check_windows(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (context, at) = (spec.sub("securityContext"), path.child("securityContext"));
    for field in &OF_POD[..3] {
        forbid(context, field, &at, errors);
    }
    for field in OF_HOST {
        if spec.flag(field) || (field == "hostUsers" && spec.has(field)) {
            errors.forbidden(&path.child(field), NOT_WINDOWS);
        }
    }
    for field in &OF_POD[3..6] {
        forbid(context, field, &at, errors);
    }
    if spec.has("shareProcessNamespace") {
        errors.forbidden(&at.child("shareProcessNamespace"), NOT_WINDOWS);
    }
    for field in &OF_POD[6..] {
        forbid(context, field, &at, errors);
    }
    for list in CONTAINER_LISTS {
        let at = path.child(list);
        for (i, container) in spec.list(list).iter().enumerate() {
            let (context, at) = (container.sub("securityContext"), at.index(i));
            let at = at.child("securityContext");
            OF_CONTAINERS.iter().for_each(|field| forbid(context, field, &at, errors));
        }
    }
}

fn forbid(context: &Json, field: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if context.has(field) {
        errors.forbidden(&path.child(field), NOT_WINDOWS);
    }
}
