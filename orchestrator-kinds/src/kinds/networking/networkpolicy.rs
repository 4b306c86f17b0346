//! NetworkPolicy: which traffic reaches pods, and which leaves them.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::format::addresses::check_range;
use crate::format::labels::check_selector;
use crate::format::numbers::{check_port, check_port_or_name};
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
/// What a policy is about, and where its rules name the other side.
const DIRECTIONS: [(&str, &str); 2] = [("ingress", "from"), ("egress", "to")];

/// The rules of a NetworkPolicy.
#[derive(Debug)]
pub struct NetworkPolicy;

impl Rules for NetworkPolicy {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.map_made("podSelector");
        for (direction, _) in DIRECTIONS {
            for rule in spec.maps_of(direction) {
                for port in rule.maps_of("ports") {
                    port.fill("protocol", "TCP");
                }
            }
        }
        if spec.list("policyTypes").is_empty() {
            let egress = !spec.list("egress").is_empty();
            let types = if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            spec.insert("policyTypes".into(), types);
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        check_selector(spec.sub("podSelector"), &SPEC.child("podSelector"), errors);
        for (direction, peers) in DIRECTIONS {
            let path = SPEC.child(direction);
            for (i, rule) in spec.list(direction).iter().enumerate() {
                check_rule(rule, peers, &path.index(i), errors);
            }
        }
        let path = SPEC.child("policyTypes");
        if spec.list("policyTypes").len() > 2 {
            const DETAIL: &str = "may not specify more than two policyTypes";
            errors.invalid(&path, spec.sub("policyTypes"), DETAIL);
            return;
        }
        for (i, kind) in spec.texts("policyTypes").enumerate() {
            if !matches!(kind, "Ingress" | "Egress") {
                errors.unsupported(&path.index(i), kind, &["Ingress", "Egress"]);
            }
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }
}

fn check_rule(rule: &Json, peers: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let ports = path.child("ports");
    for (i, port) in rule.list("ports").iter().enumerate() {
        check_policy_port(port, &ports.index(i), errors);
    }
    let at = path.child(peers);
    for (i, peer) in rule.list(peers).iter().enumerate() {
        check_peer(peer, &at.index(i), errors);
    }
}

fn check_policy_port(port: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if let Some(protocol) = port.sub("protocol").as_str()
        && !PROTOCOLS.contains(&protocol)
    {
        errors.unsupported(&path.child("protocol"), protocol, &PROTOCOLS);
    }
    let (first, last) = (port.sub("port"), port.int("endPort"));
    let at = path.child("endPort");
    if first.is_null() {
        if let Some(last) = last {
            errors.invalid(&at, last, "may not be specified when `port` is not specified");
        }
        return;
    }
    check_port_or_name(first, &path.child("port"), errors);
    let Some(last) = last else { return };
    match first.as_i64() {
        None => errors.invalid(&at, last, "may not be specified when `port` is non-numeric"),
        Some(first) => {
            if last < first {
                errors.invalid(&at, first, "must be greater than or equal to `port`");
            }
            check_port(last, &at, errors);
        }
    }
}

fn check_peer(peer: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let mut kinds = 0;
    for kind in ["podSelector", "namespaceSelector"] {
        if let Some(selector) = peer.get_set(kind) {
            kinds += 1;
            check_selector(selector, &path.child(kind), errors);
        }
    }
    if let Some(block) = peer.get_set("ipBlock") {
        if kinds > 0 {
            const DETAIL: &str = "may not specify both ipBlock and another peer";
            errors.forbidden(path, DETAIL);
        }
        kinds += 1;
        check_block(block, &path.child("ipBlock"), errors);
    }
    if kinds == 0 {
        errors.required(path, "must specify a peer");
    }
}

fn check_block(block: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let range = block.text("cidr");
    if range.is_empty() {
        errors.required(&path.child("cidr"), "");
        return;
    }
    let Some(range) = check_range(range, &path.child("cidr"), errors) else { return };
    let at = path.child("except");
    for (i, text) in block.texts("except").enumerate() {
        let Some(hole) = check_range(text, &at.index(i), errors) else { continue };
        if !range.contains(&hole.addr()) || hole.prefix_len() <= range.prefix_len() {
            errors.invalid(&at.index(i), text, "must be a strict subset of `cidr`");
        }
    }
}
