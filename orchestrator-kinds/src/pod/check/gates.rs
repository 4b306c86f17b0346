//! Gates: what holds a pod back from being ready, and from being scheduled.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::labels::check_label_name;
use crate::report::Report;

/// Checks the conditions that must hold for a pod to be ready.
pub(super) fn check_readiness(gates: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, gate) in gates.iter().enumerate() {
        let path = path.index(i);
        check_label_name(gate.text("conditionType"), &path.child("conditionType"), errors);
    }
}

/// Checks the gates that must be taken away for a pod to be scheduled.
pub(super) fn check_scheduling(gates: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, gate) in gates.iter().enumerate() {
        let (path, name) = (path.index(i), gate.text("name"));
        check_label_name(name, &path, errors);
        if gates[..i].iter().any(|earlier| earlier.text("name") == name) {
            errors.duplicate(&path, name, "");
        }
    }
}
