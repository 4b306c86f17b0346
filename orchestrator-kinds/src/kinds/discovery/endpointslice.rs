//! EndpointSlice: some of the addresses behind a service.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};

use crate::fields::{Fields, Fill};
use crate::format::addresses::{check_address, check_ordinary, is_loopback_range};
use crate::format::labels::check_label_name;
use crate::format::names::{dns_label, dns_subdomain};
use crate::format::numbers::check_port;
use crate::report::Report;
use crate::rules::Rules;

const TYPES: [&str; 3] = ["FQDN", "IPv4", "IPv6"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;
const HINTS_MAX: usize = 8;

/// The rules of an EndpointSlice.
#[derive(Debug)]
pub struct EndpointSlice;

impl Rules for EndpointSlice {
    fn defaults(&self, object: &mut Object) {
        let map = object.as_map_mut();
        map.null_list("endpoints");
        map.null_list("ports");
        for endpoint in map.maps_of("endpoints") {
            endpoint.null_list("addresses");
            endpoint.fill("conditions", Map::new());
        }
        for port in map.maps_of("ports") {
            port.fill("name", "");
            port.fill("protocol", "TCP");
        }
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare_spec_and_status(new, old, change.subresource);
        // Labels say to which service a slice belongs: a change of them counts.
        if let Some(old) = old
            && new.labels() != old.labels()
            && new.generation() == old.generation()
        {
            new.set_meta("generation", old.generation() + 1);
        }
    }

    fn validate(&self, new: &Object, change: Change<'_>, errors: &mut FieldErrors) {
        let kind = new.text("addressType");
        let path = Path::new("addressType");
        match kind {
            "" => errors.required(&path, ""),
            known if TYPES.contains(&known) => {}
            other => errors.unsupported(&path, other, &TYPES),
        }
        let loopback = is_loopback_range(&change.network.pod_cidr);
        check_ports(new.list("ports"), errors);
        check_endpoints(new.list("endpoints"), kind, loopback, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        // Addresses of another type would all be wrong, which says nothing more.
        if new.sub("addressType") != old.sub("addressType") {
            let kind = new.text("addressType");
            errors.invalid(&Path::new("addressType"), kind, "field is immutable");
            return;
        }
        self.validate(new, change, errors);
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        match new.text("addressType") {
            "FQDN" => vec!["spec.addressType: FQDN endpoints are deprecated".into()],
            _ => Vec::new(),
        }
    }
}

fn check_endpoints(endpoints: &[Json], kind: &str, loopback: bool, errors: &mut FieldErrors) {
    let path = Path::new("endpoints");
    if endpoints.len() > ENDPOINTS_MAX {
        errors.too_many(&path, endpoints.len(), ENDPOINTS_MAX);
        return;
    }
    for (i, endpoint) in endpoints.iter().enumerate() {
        let path = path.index(i);
        check_addresses(endpoint, kind, loopback, &path.child("addresses"), errors);
        if let Some(node) = endpoint.sub("nodeName").as_str() {
            errors.faults(&path.child("nodeName"), node, dns_subdomain(node));
        }
        if let Some(name) = endpoint.sub("hostname").as_str() {
            errors.faults(&path.child("hostname"), name, dns_label(name));
        }
        check_hints(endpoint.sub("hints"), &path.child("hints"), errors);
    }
}

fn check_addresses(
    endpoint: &Json,
    kind: &str,
    loopback: bool,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let count = endpoint.list("addresses").len();
    if count == 0 {
        errors.required(path, "must contain at least 1 address");
    } else if count > ADDRESSES_MAX {
        errors.too_many(path, count, ADDRESSES_MAX);
    }
    for (i, address) in endpoint.texts("addresses").enumerate() {
        let at = path.index(i);
        match kind {
            "IPv4" | "IPv6" => {
                let Some(parsed) = check_address(address, &at, errors) else { continue };
                if parsed.is_ipv4() != (kind == "IPv4") {
                    errors.invalid(path, address, format!("must be an {kind} address"));
                }
                check_ordinary(address, loopback, &at, errors);
            }
            "FQDN" => errors.faults(&at, address, dns_subdomain(address)),
            _ => {}
        }
    }
}

fn check_hints(hints: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for list in ["forZones", "forNodes"] {
        let (all, path) = (hints.list(list), path.child(list));
        if all.len() > HINTS_MAX {
            errors.too_many(&path, all.len(), HINTS_MAX);
            continue;
        }
        for (i, hint) in all.iter().enumerate() {
            let (name, path) = (hint.text("name"), path.index(i));
            let path = path.child("name");
            if all[..i].iter().any(|earlier| earlier.text("name") == name) {
                errors.duplicate(&path, name, "");
            }
            check_label_name(name, &path, errors);
        }
    }
}

fn check_ports(ports: &[Json], errors: &mut FieldErrors) {
    let path = Path::new("ports");
    if ports.len() > PORTS_MAX {
        errors.too_many(&path, ports.len(), PORTS_MAX);
        return;
    }
    for (i, port) in ports.iter().enumerate() {
        let (path, name) = (path.index(i), port.text("name"));
        if !name.is_empty() {
            errors.faults(&path.child("name"), name, dns_label(name));
        }
        if ports[..i].iter().any(|earlier| earlier.text("name") == name) {
            errors.duplicate(&path.child("name"), name, "");
        }
        match port.text("protocol") {
            "" => errors.required(&path.child("protocol"), ""),
            known if PROTOCOLS.contains(&known) => {}
            other => errors.unsupported(&path.child("protocol"), other, &PROTOCOLS),
        }
        if let Some(number) = port.int("port") {
            check_port(number, &path.child("port"), errors);
        }
        if let Some(protocol) = port.sub("appProtocol").as_str() {
            check_label_name(protocol, &path.child("appProtocol"), errors);
        }
    }
}
