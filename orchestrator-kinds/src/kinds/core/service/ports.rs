//! Ports of services.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::SPEC;
use crate::fields::Fields;
use crate::format::labels::check_label_name;
use crate::format::names::dns_label;
use crate::format::numbers::{check_port, check_port_or_name};
use crate::report::{Report, Verbatim};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const PORTS: Path<'static> = SPEC.child("ports");
/// The port of the node agent.
const AGENT_PORT: i64 = 10250;

/// Checks that no port of the nodes is asked for twice; whether others have it is for the
/// allocator to say. Nothing else is looked at where it is.
pub(super) fn check_allocated(spec: &Json, errors: &mut FieldErrors) -> bool {
    if !matches!(spec.text("type"), "NodePort" | "LoadBalancer") {
        return false;
    }
    let ports = spec.list("ports");
    let key = |port: &Json| (port.text("protocol").to_owned(), port.int("nodePort").unwrap_or(0));
    let before = errors.len();
    for (i, port) in ports.iter().enumerate() {
        let number = key(port).1;
        if number != 0 && ports[..i].iter().any(|earlier| key(earlier) == key(port)) {
            let path = PORTS.index(i);
            errors.invalid(&path.child("nodePort"), number, "provided port is already allocated");
        }
    }
    errors.len() > before
}

/// Checks all ports.
pub(super) fn check_all(spec: &Json, errors: &mut FieldErrors) {
    let ports = spec.list("ports");
    for (i, port) in ports.iter().enumerate() {
        let path = PORTS.index(i);
        if spec.text("type") == "LoadBalancer" && port.int("port") == Some(AGENT_PORT) {
            let detail =
                format!("may not expose port {AGENT_PORT} externally since it is used by kubelet");
            errors.invalid(&path, AGENT_PORT, detail);
        }
        check_one(port, &ports[..i], ports.len() > 1, &path, errors);
    }
}

fn check_one(
    port: &Json,
    earlier: &[Json],
    named: bool,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let name = port.text("name");
    if !name.is_empty() {
        errors.faults(&path.child("name"), name, dns_label(name));
        if earlier.iter().any(|other| other.text("name") == name) {
            errors.duplicate(&path.child("name"), name, "");
        }
    } else if named {
        errors.required(&path.child("name"), "");
    }
    check_port(port.int("port").unwrap_or_default(), &path.child("port"), errors);
    match port.text("protocol") {
        "" => errors.required(&path.child("protocol"), ""),
        known if PROTOCOLS.contains(&known) => {}
        other => errors.unsupported(&path.child("protocol"), other, &PROTOCOLS),
    }
    check_port_or_name(port.sub("targetPort"), &path.child("targetPort"), errors);
    if let Some(protocol) = port.sub("appProtocol").as_str() {
        check_label_name(protocol, &path.child("appProtocol"), errors);
    }
}

/// Checks ports of the nodes, and that no port stands there twice.
pub(super) fn check_node_ports(spec: &Json, errors: &mut FieldErrors) {
    let ports = spec.list("ports");
    if spec.text("type") == "ClusterIP" {
        for (i, port) in ports.iter().enumerate() {
            if port.int("nodePort").unwrap_or_default() != 0 {
                let path = PORTS.index(i);
                const DETAIL: &str = "may not be used when `type` is 'ClusterIP'";
                errors.forbidden(&path.child("nodePort"), DETAIL);
            }
        }
    }
    let key = |port: &Json| (port.text("protocol").to_owned(), port.int("port"));
    for (i, port) in ports.iter().enumerate() {
        if ports[..i].iter().any(|earlier| key(earlier) == key(port)) {
            errors.duplicate(&SPEC.child("ports").index(i), Verbatim(shown(port)), "");
        }
    }
}

/// A port as messages show it: what counts for uniqueness.
fn shown(port: &Json) -> String {
    format!(
        "{{\"Name\":\"\",\"Protocol\":{:?},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\
         \"NodePort\":0}}",
        port.text("protocol"),
        port.int("port").unwrap_or_default()
    )
}
