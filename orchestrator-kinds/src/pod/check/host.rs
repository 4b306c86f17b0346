//! What a pod shares with its host: network, users, names of other machines.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::addresses::check_address;
use crate::format::names::dns_subdomain;
use crate::report::Report;

/// On the host's network, a port of the host is the port of the container.
pub(super) fn check_ports(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if !spec.flag("hostNetwork") {
        return;
    }
    for list in ["initContainers", "containers"] {
        for (i, container) in spec.list(list).iter().enumerate() {
            for (j, port) in container.list("ports").iter().enumerate() {
                let number = port.int("hostPort").unwrap_or_default();
                if number != 0 && port.int("containerPort") != Some(number) {
                    let (at, ports) = (path.child(list), "ports");
                    let at = at.index(i);
                    let at = at.child(ports);
                    const DETAIL: &str = "must match `containerPort` when `hostNetwork` is true";
                    errors.invalid(&at.index(j).child("hostPort"), number, DETAIL);
                }
            }
        }
    }
}

/// A pod with users of its own shares nothing else with the host.
pub(super) fn check_users(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if spec.sub("hostUsers").as_bool() != Some(false) {
        return;
    }
    for field in ["hostNetwork", "hostIPC", "hostPID"] {
        if spec.flag(field) {
            errors.forbidden(&path.child(field), "when `hostUsers` is false");
        }
    }
}

/// Checks names of other machines.
pub(super) fn check_aliases(aliases: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, alias) in aliases.iter().enumerate() {
        let path = path.index(i);
        check_address(alias.text("ip"), &path.child("ip"), errors);
        let names = path.child("hostnames");
        for (j, name) in alias.texts("hostnames").enumerate() {
            errors.faults(&names.index(j), name, dns_subdomain(name));
        }
    }
}
