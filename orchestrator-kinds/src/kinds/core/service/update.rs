//! What may change in a service that is there.

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;

use super::SPEC;
use crate::fields::Fields;
use crate::report::Report;

/// Checks the step of a service from `old` to `new`.
pub(super) fn check(new: &Json, old: &Json, errors: &mut FieldErrors) {
    check_address(new, old, errors);
    let balanced = |spec: &Json| spec.text("type") == "LoadBalancer";
    if balanced(new)
        && balanced(old)
        && new.sub("loadBalancerClass") != old.sub("loadBalancerClass")
    {
        let class = new.sub("loadBalancerClass");
        errors.invalid(&SPEC.child("loadBalancerClass"), class, "may not change once set");
    }
}

/// The first address stays; so does its family.
fn check_address(new: &Json, old: &Json, errors: &mut FieldErrors) {
    let external = |spec: &Json| spec.text("type") == "ExternalName";
    if external(new) || external(old) {
        return;
    }
    let first = |spec: &Json, list: &str| spec.texts(list).next().unwrap_or_default().to_owned();
    for list in ["clusterIPs", "ipFamilies"] {
        let was = first(old, list);
        if !was.is_empty() && first(new, list) != was {
            let path = SPEC.child(list);
            errors.invalid(&path.index(0), new.sub(list), "may not change once set");
        }
    }
}
