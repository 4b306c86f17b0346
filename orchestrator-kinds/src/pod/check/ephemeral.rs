//! Ephemeral containers, which join a running pod for a look around.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::is_empty;

use super::{PodCx, container};
use crate::fields::Fields;
use crate::report::Report;

const NOT_FOR_THEM: [&str; 9] = [
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
];

/// Checks the ephemeral containers of a pod.
pub(super) fn check_all(cx: &PodCx<'_>, path: &Path<'_>, errors: &mut FieldErrors) {
    let containers = cx.spec.list("ephemeralContainers");
    for (i, one) in containers.iter().enumerate() {
        let at = path.index(i);
        container::check_common(one, cx, &at, errors);
        check_one(one, cx, &containers[..i], &at, errors);
    }
}

fn check_one(
    container: &Json,
    cx: &PodCx<'_>,
    earlier: &[Json],
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let name = container.text("name");
    let others = cx.spec.list("containers").iter().chain(cx.spec.list("initContainers"));
    if !name.is_empty() && others.chain(earlier).any(|other| other.text("name") == name) {
        errors.duplicate(&path.child("name"), name, "");
    }
    let target = container.text("targetContainerName");
    let mut targets = cx.spec.list("containers").iter().chain(cx.spec.list("initContainers"));
    if !target.is_empty() && !targets.any(|other| other.text("name") == target) {
        errors.missing(&path.child("targetContainerName"), target, "");
    }
    for field in NOT_FOR_THEM {
        if container.get_set(field).is_some_and(|value| !is_empty(value)) {
            errors.forbidden(&path.child(field), "cannot be set for an Ephemeral Container");
        }
    }
    for (i, mount) in container.list("volumeMounts").iter().enumerate() {
        for field in ["subPath", "subPathExpr"] {
            if !mount.text(field).is_empty() {
                let path = path.child("volumeMounts");
                let path = path.index(i);
                errors.forbidden(&path.child(field), "cannot be set for an Ephemeral Container");
            }
        }
    }
}
