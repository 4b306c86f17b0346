//! Probes and lifecycle hooks of containers that go on running.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::{PodCx, handlers};
use crate::fields::Fields;
use crate::format::numbers::check_not_negative;
use crate::report::Report;

const COUNTS: [&str; 5] = [
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
];

/// Checks the hooks and probes of a container.
pub(super) fn check_running(
    container: &Json,
    cx: &PodCx<'_>,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let lifecycle = container.sub("lifecycle");
    for hook in ["postStart", "preStop"] {
        if let Some(handler) = lifecycle.get_set(hook) {
            let path = path.child("lifecycle");
            handlers::check(handler, cx.grace_s, &path.child(hook), errors);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get_set(name) else { continue };
        let path = path.child(name);
        check_probe(probe, cx, &path, errors);
        if name == "readinessProbe" {
            if let Some(seconds) = probe.int("terminationGracePeriodSeconds") {
                const DETAIL: &str = "must not be set for readinessProbes";
                errors.invalid(&path.child("terminationGracePeriodSeconds"), seconds, DETAIL);
            }
        } else if probe.int("successThreshold") != Some(1) {
            let count = probe.int("successThreshold").unwrap_or_default();
            errors.invalid(&path.child("successThreshold"), count, "must be 1");
        }
    }
}

fn check_probe(probe: &Json, cx: &PodCx<'_>, path: &Path<'_>, errors: &mut FieldErrors) {
    handlers::check(probe, cx.grace_s, path, errors);
    for name in COUNTS {
        check_not_negative(probe.int(name).unwrap_or_default(), &path.child(name), errors);
    }
    if let Some(seconds) = probe.int("terminationGracePeriodSeconds").filter(|s| *s <= 0) {
        let path = path.child("terminationGracePeriodSeconds");
        errors.invalid(&path, seconds, "must be greater than 0");
    }
}
