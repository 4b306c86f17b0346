//! Endpoints: the addresses behind a service, as EndpointSlices once were.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};

use crate::fields::{Fields, Fill};
use crate::format::addresses::{check_address, check_ordinary, is_loopback_range};
use crate::format::labels::check_label_name;
use crate::format::names::{dns_label, dns_subdomain};
use crate::format::numbers::check_port;
use crate::report::Report;
use crate::rules::Rules;

/// The protocols of ports.
pub const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// The rules of Endpoints.
#[derive(Debug)]
pub struct Endpoints;

impl Rules for Endpoints {
    fn defaults(&self, object: &mut Object) {
        for subset in object.as_map_mut().maps_of("subsets") {
            for port in subset.maps_of("ports") {
                port.fill_text("protocol", "TCP");
            }
        }
    }

    fn validate(&self, new: &Object, change: Change<'_>, errors: &mut FieldErrors) {
        let loopback = is_loopback_range(&change.network.pod_cidr);
        let path = Path::new("subsets");
        for (i, subset) in new.list("subsets").iter().enumerate() {
            check_subset(subset, loopback, &path.index(i), errors);
        }
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn has_generation(&self) -> bool {
        false
    }
}

fn check_subset(subset: &Json, loopback: bool, path: &Path<'_>, errors: &mut FieldErrors) {
    const LISTS: [&str; 2] = ["addresses", "notReadyAddresses"];
    if LISTS.iter().all(|list| subset.list(list).is_empty()) {
        errors.required(path, "must specify `addresses` or `notReadyAddresses`");
    }
    for list in LISTS {
        let path = path.child(list);
        for (i, address) in subset.list(list).iter().enumerate() {
            check_one(address, loopback, &path.index(i), errors);
        }
    }
    let ports = subset.list("ports");
    for (i, port) in ports.iter().enumerate() {
        check_subset_port(port, ports.len() > 1, &path.child("ports").index(i), errors);
    }
}

fn check_one(address: &Json, loopback: bool, path: &Path<'_>, errors: &mut FieldErrors) {
    let ip = address.text("ip");
    check_address(ip, &path.child("ip"), errors);
    let hostname = address.text("hostname");
    if !hostname.is_empty() {
        errors.faults(&path.child("hostname"), hostname, dns_label(hostname));
    }
    if let Some(node) = address.sub("nodeName").as_str() {
        errors.faults(&path.child("nodeName"), node, dns_subdomain(node));
    }
    check_ordinary(ip, loopback, &path.child("ip"), errors);
}

fn check_subset_port(port: &Json, named: bool, path: &Path<'_>, errors: &mut FieldErrors) {
    let name = port.text("name");
    if !name.is_empty() {
        errors.faults(&path.child("name"), name, dns_label(name));
    } else if named {
        errors.required(&path.child("name"), "");
    }
    check_port(port.int("port").unwrap_or_default(), &path.child("port"), errors);
    match port.text("protocol") {
        "" => errors.required(&path.child("protocol"), ""),
        known if PROTOCOLS.contains(&known) => {}
        other => errors.unsupported(&path.child("protocol"), other, &PROTOCOLS),
    }
    if let Some(protocol) = port.sub("appProtocol").as_str() {
        check_label_name(protocol, &path.child("appProtocol"), errors);
    }
}
