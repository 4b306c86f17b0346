//! Nodes.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{NONE, condition, list, name, or_none, text, text_or, truth};

/// Labels that name a role: by the rest of the key, or by the value.
const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE_LABEL: &str = "kubernetes.io/role";

pub(super) fn row(node: &Object, now: Timestamp) -> Vec<Json> {
    let info = |field: &str, missing: &str| text_or(node, &["status", "nodeInfo", field], missing);
    vec![
        name(node),
        status(node).into(),
        roles(node).into(),
        age::of(node, now),
        info("kubeletVersion", ""),
        address(node, "InternalIP"),
        address(node, "ExternalIP"),
        info("osImage", "<unknown>"),
        info("kernelVersion", "<unknown>"),
        info("containerRuntimeVersion", "<unknown>"),
    ]
}

fn status(node: &Object) -> String {
    let mut status = match condition(node, "Ready") {
        Some(ready) if ready["status"] == "True" => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if truth(node, &["spec", "unschedulable"], false) {
        status.push_str(",SchedulingDisabled");
    }
    status
}

fn roles(node: &Object) -> String {
    let mut roles: Vec<&str> = Vec::new();
    for (key, value) in node.labels().into_iter().flatten() {
        match key.strip_prefix(ROLE_PREFIX) {
            Some("") => {}
            Some(role) => roles.push(role),
            None if key == ROLE_LABEL => roles.extend(value.as_str().filter(|r| !r.is_empty())),
            None => {}
        }
    }
    roles.sort_unstable();
    roles.dedup();
    or_none(roles.join(","))
}

fn address(node: &Object, kind: &str) -> Json {
    let found = list(node, &["status", "addresses"]).find(|address| text(address, "type") == kind);
    found.map_or(NONE, |address| text(address, "address")).into()
}
