//! Changing what a running pod asks for.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::{Json, Object};

use super::SPEC;
use crate::fields::Fields;
use crate::pod::qos;
use crate::report::Report;

/// Checks the step of a pod's resources from `old` to `new`.
pub(super) fn check(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let (spec, was) = (new.sub("spec"), old.sub("spec"));
    if qos::class(spec) != qos::class(was) {
        let detail = "Pod QOS Class may not change as a result of resizing";
        errors.invalid(&SPEC, new.sub("status").text("qosClass"), detail);
    }
    for list in ["containers", "initContainers"] {
        let path = SPEC.child(list);
        for (i, (container, old)) in spec.list(list).iter().zip(was.list(list)).enumerate() {
            let (path, asked) = (path.index(i), container.sub("resources"));
            check_removed(asked, old.sub("resources"), &path.child("resources"), errors);
        }
    }
}

/// What a container once asked for it goes on asking for, more or less of it.
fn check_removed(new: &Json, old: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for (list, words) in [("limits", "resource limits"), ("requests", "resource requests")] {
        let gone = |name: &str| old.sub(list).has(name) && !new.sub(list).has(name);
        if ["cpu", "memory"].into_iter().any(gone) {
            errors.forbidden(&path.child(list), format!("{words} cannot be removed"));
        }
        let other = |name: &str| !matches!(name, "cpu" | "memory");
        let mut names = new.entries(list).chain(old.entries(list)).filter(|(name, _)| other(name));
        if names.any(|(name, _)| new.sub(list).sub(name) != old.sub(list).sub(name)) {
            const DETAIL: &str = "only cpu and memory resources are mutable";
            errors.forbidden(&path.child(list), DETAIL);
        }
    }
}
