//! The status of a pod, as its node reports it.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::{Json, Object};

use crate::fields::Fields;
use crate::format::addresses::{check_address, parse};
use crate::format::names::dns_subdomain;
use crate::report::{Report, Verbatim};

/// Checks a change of the status.
pub(super) fn check(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let (status, path) = (new.sub("status"), Path::new("status"));
    let nominated = status.text("nominatedNodeName");
    if !nominated.is_empty() {
        errors.faults(&path.child("nominatedNodeName"), nominated, dns_subdomain(nominated));
    }
    check_addresses(status, "podIPs", &path, errors);
    check_addresses(status, "hostIPs", &path, errors);
    let policy = new.sub("spec").text("restartPolicy");
    for list in ["containerStatuses", "initContainerStatuses"] {
        let was = old.sub("status").list(list);
        // An init container may be started again whatever the policy, when the pod is.
        if list == "containerStatuses" {
            check_transitions(status.list(list), was, policy, &path.child(list), errors);
        }
    }
}

/// Checks a list of addresses: one per family at most.
fn check_addresses(status: &Json, list: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let (path, addresses) = (path.child(list), status.list(list));
    for (i, address) in addresses.iter().enumerate() {
        check_address(address.text("ip"), &path.index(i), errors);
    }
    if addresses.len() < 2 {
        return;
    }
    let families: Vec<_> =
        addresses.iter().map(|a| parse(a.text("ip")).map(|ip| ip.is_ipv4())).collect();
    if addresses.len() > 2 || families[0] == families[1] {
        let shown: Vec<_> =
            addresses.iter().map(|a| format!("{{\"IP\":{}}}", a.sub("ip"))).collect();
        let shown = format!("[{}]", shown.join(","));
        const DETAIL: &str = "may specify no more than one IP for each IP family";
        errors.invalid(&path, Verbatim(shown), DETAIL);
    }
}

/// What has ended stays so, unless the policy starts it again.
fn check_transitions(
    new: &[Json],
    old: &[Json],
    policy: &str,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    if policy == "Always" {
        return;
    }
    for (i, was) in old.iter().enumerate() {
        let ended = was.sub("state").sub("terminated");
        let failed = ended.int("exitCode").unwrap_or_default() != 0;
        if ended.is_null() || (policy == "OnFailure" && failed) {
            continue;
        }
        let now = new.iter().find(|one| one.text("name") == was.text("name"));
        if now.is_some_and(|now| !now.sub("state").has("terminated")) {
            const DETAIL: &str = "may not be transitioned to non-terminated state";
            errors.forbidden(&path.index(i).child("state"), DETAIL);
        }
    }
}
