//! Resources of the pod as a whole, against those of its containers.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::{Json, Quantity};

use super::PodCx;
use super::init::is_sidecar;
use crate::fields::Fields;
use crate::pod::resources::{amount, check_amount, is_huge_pages};
use crate::report::Report;

/// Resources that a pod can ask for as a whole.
const SUPPORTED: [&str; 2] = ["cpu", "memory"];

/// Checks the resources of the pod whose spec is at `path`.
pub(super) fn check(cx: &PodCx<'_>, path: &Path<'_>, errors: &mut FieldErrors) {
    let at = path.child("resources");
    let resources = cx.spec.sub("resources");
    for list in ["limits", "requests"] {
        let at = at.child(list);
        for (name, value) in resources.entries(list) {
            if !SUPPORTED.contains(&name) && !is_huge_pages(name) {
                errors.unsupported(&at.key(name), name, &["cpu", "hugepages-", "memory"]);
            }
            check_amount(name, value, &at.key(name), errors);
        }
    }
    check_requests_within_limits(resources, &at, errors);
    check_containers_fit(cx, &at, errors);
    check_limits_fit(cx, path, errors);
}

fn check_requests_within_limits(resources: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for (name, value) in resources.entries("requests") {
        let Some(limit) = resources.sub("limits").get_set(name) else { continue };
        if amount(value) > amount(limit) {
            let limit = limit.as_str().unwrap_or_default();
            let detail = format!("must be less than or equal to {name} limit of {limit}");
            errors.invalid(&path.child("requests"), value, detail);
        }
    }
}

/// The requests of the containers together are not above those of the pod.
fn check_containers_fit(cx: &PodCx<'_>, path: &Path<'_>, errors: &mut FieldErrors) {
    let at = path.child("requests");
    for (name, value) in cx.spec.sub("resources").entries("requests") {
        let together = aggregate(cx.spec, name);
        if together > amount(value) {
            let detail = format!(
                "must be greater than or equal to aggregate container requests of {together}"
            );
            errors.invalid(&at.key(name), value, detail);
        }
    }
}

/// What the containers request at most at one time: all regular ones and sidecars together, or
/// one init container beside the sidecars that were started before it.
fn aggregate(spec: &Json, name: &str) -> Quantity {
    let request = |container: &Json| amount(container.sub("resources").sub("requests").sub(name));
    let (mut sidecars, mut peak) = (Quantity::ZERO, Quantity::ZERO);
    for container in spec.list("initContainers") {
        if is_sidecar(container) {
            sidecars += request(container);
            peak = peak.max(sidecars);
        } else {
            peak = peak.max(sidecars + request(container));
        }
    }
    let regular: Quantity = spec.list("containers").iter().map(request).sum();
    peak.max(regular + sidecars)
}

/// No container is limited to more than the pod.
fn check_limits_fit(cx: &PodCx<'_>, path: &Path<'_>, errors: &mut FieldErrors) {
    for list in ["containers", "initContainers"] {
        let at = path.child(list);
        for (i, container) in cx.spec.list(list).iter().enumerate() {
            let at = at.index(i);
            let at = at.child("resources");
            let at = at.child("limits");
            for (name, most) in cx.spec.sub("resources").entries("limits") {
                let limit = container.sub("resources").sub("limits").sub(name);
                if amount(limit) > amount(most) {
                    let most = most.as_str().unwrap_or_default();
                    let detail = format!("must be less than or equal to pod limits of {most}");
                    errors.invalid(&at.key(name), limit, detail);
                }
            }
        }
    }
}
