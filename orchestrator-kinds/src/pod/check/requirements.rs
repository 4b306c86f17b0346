//! What containers ask of resources: limits, requests, claims, and how a change is made.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;

use super::PodCx;
use crate::fields::Fields;
use crate::pod::resources::{
    amount, check_amount, check_container_name, check_huge_pages, is_huge_pages, may_overcommit,
};
use crate::report::Report;

/// Checks limits and requests outside of a pod.
pub fn check_requirements(resources: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check(resources, None, path, errors);
}

/// Checks limits, requests and claims; claims are those of the pod, where there is one.
pub(super) fn check(
    resources: &Json,
    cx: Option<&PodCx<'_>>,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let (limits, requests) = (resources.sub("limits"), resources.sub("requests"));
    for (list, amounts) in [("limits", limits), ("requests", requests)] {
        let at = path.child(list);
        for (name, value) in amounts.as_object().into_iter().flatten() {
            let key = at.key(name);
            check_container_name(name, &key, errors);
            check_amount(name, value, &key, errors);
            if list == "limits" && is_huge_pages(name) {
                check_huge_pages(name, value, &key, errors);
            }
            if list == "requests" {
                check_request(name, value, limits, path, errors);
            }
        }
    }
    check_company(limits, requests, path, errors);
    if let Some(cx) = cx {
        check_claims(resources.list("claims"), cx, &path.child("claims"), errors);
    }
}

/// A request is not above its limit, and equal to it where the resource cannot be shared.
fn check_request(
    name: &str,
    value: &Json,
    limits: &Json,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let Some(limit) = limits.get_set(name) else {
        if !may_overcommit(name) {
            let detail = "Limit must be set for non overcommitable resources";
            errors.required(&path.child("limits"), detail);
        }
        return;
    };
    if limit == value {
        return;
    }
    let (wanted, most) = (amount(value), amount(limit));
    let shown = limit.as_str().unwrap_or_default();
    if wanted != most && !may_overcommit(name) {
        let detail = format!("must be equal to {name} limit of {shown}");
        errors.invalid(&path.child("requests"), value, detail);
    } else if wanted > most {
        let detail = format!("must be less than or equal to {name} limit of {shown}");
        errors.invalid(&path.child("requests"), value, detail);
    }
}

/// Large pages come only with processor time or ordinary memory.
fn check_company(limits: &Json, requests: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let names = || [limits, requests].into_iter().filter_map(Json::as_object).flat_map(Map::keys);
    if names().any(|name| is_huge_pages(name)) && !names().any(|n| n == "cpu" || n == "memory") {
        errors.forbidden(path, "HugePages require cpu or memory");
    }
}

fn check_claims(claims: &[Json], cx: &PodCx<'_>, path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, claim) in claims.iter().enumerate() {
        let (path, name) = (path.index(i), claim.text("name"));
        if name.is_empty() {
            errors.required(&path, "");
            continue;
        }
        let request = claim.text("request");
        let same = |other: &Json| other.text("name") == name && other.text("request") == request;
        if claims[..i].iter().any(same) {
            errors.duplicate(&path, name, "");
        }
        if !cx.has_claim(name) {
            let mut known: Vec<_> =
                cx.spec.list("resourceClaims").iter().map(|claim| claim.text("name")).collect();
            known.sort_unstable();
            let known = match known.is_empty() {
                true => " which is empty".to_owned(),
                false => format!(": {}", known.join(", ")),
            };
            let detail = format!("must be one of the names in pod.spec.resourceClaims{known}");
            errors.missing(&path, name, &detail);
        }
    }
}

/// Checks what changes of resources do to a running container.
pub(super) fn check_resize_policies(
    policies: &[Json],
    cx: &PodCx<'_>,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    for (i, policy) in policies.iter().enumerate() {
        let (resource, restart) = (policy.text("resourceName"), policy.text("restartPolicy"));
        if policies[..i].iter().any(|earlier| earlier.text("resourceName") == resource) {
            errors.duplicate(&path.index(i), resource, "");
        }
        match resource {
            "cpu" | "memory" => {}
            "" => errors.required(path, ""),
            other => errors.unsupported(path, other, &["cpu", "memory"]),
        }
        match restart {
            "NotRequired" | "RestartContainer" => {}
            "" => errors.required(path, ""),
            other => errors.unsupported(path, other, &["NotRequired", "RestartContainer"]),
        }
        if cx.spec.text("restartPolicy") == "Never" && restart != "NotRequired" {
            const DETAIL: &str = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errors.invalid(path, restart, DETAIL);
        }
    }
}

/// Checks what a pod costs beside its containers.
pub(super) fn check_overhead(overhead: &Map, path: &Path<'_>, errors: &mut FieldErrors) {
    for (name, value) in overhead {
        // Reported as limits, which is what the amounts are held to be.
        let at = path.child("limits");
        let key = at.key(name);
        check_container_name(name, &key, errors);
        check_amount(name, value, &key, errors);
    }
}
