//! Ports of containers.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::numbers::{check_port, port_name};
use crate::report::Report;

/// The protocols of ports.
pub const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// Checks the ports of one container.
pub(super) fn check(ports: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, port) in ports.iter().enumerate() {
        let path = path.index(i);
        check_name(port.text("name"), &ports[..i], &path.child("name"), errors);
        match port.int("containerPort").unwrap_or_default() {
            0 => errors.required(&path.child("containerPort"), ""),
            number => check_port(number, &path.child("containerPort"), errors),
        }
        match port.int("hostPort").unwrap_or_default() {
            0 => {}
            number => check_port(number, &path.child("hostPort"), errors),
        }
        match port.text("protocol") {
            "" => errors.required(&path.child("protocol"), ""),
            known if PROTOCOLS.contains(&known) => {}
            other => errors.unsupported(&path.child("protocol"), other, &PROTOCOLS),
        }
    }
}

fn check_name(name: &str, earlier: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    if name.is_empty() {
        return;
    }
    let faults = port_name(name);
    if faults.is_empty() && earlier.iter().any(|port| port.text("name") == name) {
        errors.duplicate(path, name, "");
    }
    errors.faults(path, name, faults);
}

/// Checks that no two ports of the containers, which are at `path`, take the same port of the
/// host.
pub(super) fn check_host_conflicts(containers: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    let mut taken: Vec<(&str, &str, i64)> = Vec::new();
    for (i, container) in containers.iter().enumerate() {
        let at = path.index(i);
        let at = at.child("ports");
        for (j, port) in container.list("ports").iter().enumerate() {
            let number = port.int("hostPort").unwrap_or_default();
            let key = (port.text("protocol"), port.text("hostIP"), number);
            if number == 0 {
                continue;
            }
            if taken.contains(&key) {
                let shown = format!("{}/{}/{}", key.0, key.1, key.2);
                errors.duplicate(&at.index(j).child("hostPort"), &*shown, "");
            }
            taken.push(key);
        }
    }
}
