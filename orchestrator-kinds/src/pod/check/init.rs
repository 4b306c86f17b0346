//! Init containers, and those of them that go on running beside the regular ones.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::{PodCx, container, ports, probes, restart};
use crate::fields::Fields;
use crate::report::Report;

const NOT_RUNNING: &str = "may not be set for init containers without restartPolicy=Always";

/// Whether the container goes on running beside the regular ones.
pub(super) fn is_sidecar(container: &Json) -> bool {
    container.text("restartPolicy") == "Always"
}

/// Checks the init containers of a pod.
pub(super) fn check_all(cx: &PodCx<'_>, path: &Path<'_>, errors: &mut FieldErrors) {
    let containers = cx.spec.list("initContainers");
    for (i, one) in containers.iter().enumerate() {
        let at = path.index(i);
        container::check_common(one, cx, &at, errors);
        restart::check(one, &at, errors);
        let name = one.text("name");
        let mut taken = cx.spec.list("containers").iter().chain(&containers[..i]);
        if !name.is_empty() && taken.any(|other| other.text("name") == name) {
            errors.duplicate(&at.child("name"), name, "");
        }
        // They run one after the other, so that each may use the ports of the others.
        ports::check_host_conflicts(std::slice::from_ref(one), path, errors);
        if is_sidecar(one) {
            probes::check_running(one, cx, &at, errors);
        } else {
            check_short_lived(one, &at, errors);
        }
    }
}

fn check_short_lived(container: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        if container.has(field) {
            errors.forbidden(&path.child(field), NOT_RUNNING);
        }
    }
    let policies = container.sub("resizePolicy");
    if !container.list("resizePolicy").is_empty() {
        errors.invalid(
            &path.child("resizePolicy"),
            policies,
            "must not be set for init containers",
        );
    }
}
