//! Annotations that mean something to the node.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;

use crate::fields::Fields;
use crate::pod::apparmor::ANNOTATION_PREFIX;
use crate::pod::defaults::CONTAINER_LISTS;
use crate::report::Report;

const MIRROR: &str = "kubernetes.io/config.mirror";

/// Checks the annotations of a pod.
pub(super) fn check(
    annotations: Option<&Map>,
    spec: &Json,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    for (key, value) in annotations.into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if key == MIRROR && spec.text("nodeName").is_empty() {
            const DETAIL: &str = "must set spec.nodeName if mirror pod annotation is set";
            errors.invalid(&path.key(key), value, DETAIL);
        }
        if let Some(container) = key.strip_prefix(ANNOTATION_PREFIX) {
            check_profile(container, value, spec, &path.key(key), errors);
        }
    }
}

fn check_profile(
    container: &str,
    profile: &str,
    spec: &Json,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let mut containers = CONTAINER_LISTS.iter().flat_map(|list| spec.list(list));
    if !containers.any(|one| one.text("name") == container) {
        errors.invalid(path, container, "container not found");
    }
    let known = matches!(profile, "" | "runtime/default" | "unconfined");
    if !known && !profile.starts_with("localhost/") {
        errors.invalid(path, profile, format!("invalid AppArmor profile name: {profile:?}"));
    }
}
