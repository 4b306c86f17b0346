//! Containers: what holds for all sorts of them, and for regular ones.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::{PodCx, check_choice, env, mounts, ports, probes, requirements, restart, security};
use crate::fields::Fields;
use crate::format::names::dns_label;
use crate::report::Report;

/// Checks the regular containers of a pod.
pub(super) fn check_all(cx: &PodCx<'_>, path: &Path<'_>, errors: &mut FieldErrors) {
    let containers = cx.spec.list("containers");
    if containers.is_empty() {
        errors.required(path, "");
        return;
    }
    for (i, container) in containers.iter().enumerate() {
        let path = path.index(i);
        check_common(container, cx, &path, errors);
        let name = container.text("name");
        if containers[..i].iter().any(|earlier| earlier.text("name") == name) {
            errors.duplicate(&path.child("name"), name, "");
        }
        probes::check_running(container, cx, &path, errors);
        restart::check(container, &path, errors);
    }
    ports::check_host_conflicts(containers, path, errors);
}

/// Checks what holds for containers of all sorts.
pub(super) fn check_common(
    container: &Json,
    cx: &PodCx<'_>,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let name = container.text("name");
    match name.is_empty() {
        true => errors.required(&path.child("name"), ""),
        false => errors.faults(&path.child("name"), name, dns_label(name)),
    }
    if container.text("image").is_empty() {
        errors.required(&path.child("image"), "");
    }
    const MESSAGES: [&str; 2] = ["File", "FallbackToLogsOnError"];
    check_choice(container, "terminationMessagePolicy", &MESSAGES, path, errors);
    ports::check(container.list("ports"), &path.child("ports"), errors);
    env::check_variables(container.list("env"), &path.child("env"), errors);
    env::check_sources(container.list("envFrom"), &path.child("envFrom"), errors);
    mounts::check_mounts(container, cx, &path.child("volumeMounts"), errors);
    mounts::check_devices(container, cx, &path.child("volumeDevices"), errors);
    const PULL: [&str; 3] = ["Always", "IfNotPresent", "Never"];
    check_choice(container, "imagePullPolicy", &PULL, path, errors);
    requirements::check(container.sub("resources"), Some(cx), &path.child("resources"), errors);
    let policies = container.list("resizePolicy");
    requirements::check_resize_policies(policies, cx, &path.child("resizePolicy"), errors);
    let context = container.sub("securityContext");
    security::check_container(context, cx.host_users, &path.child("securityContext"), errors);
}

/// Checks that no image is padded with blanks, which a template may do.
pub fn check_images(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let path = path.child(list);
        for (i, container) in spec.list(list).iter().enumerate() {
            let image = container.text("image");
            if image.trim() != image {
                const DETAIL: &str = "must not have leading or trailing whitespace";
                errors.invalid(&path.index(i).child("image"), image, DETAIL);
            }
        }
    }
}
