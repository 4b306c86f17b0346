//! Claims: what services hold, as keys of the store.
//!
//! A claim is written in the transaction that writes the service, on the condition that nobody
//! has it; it goes in the one that removes the service. So several servers on one store cannot
//! hand out the same twice, and nothing is left over where one of them dies. The claim of an
//! address is an object of `ipaddresses`, as upstream; that of a port is a record of our own.

use std::net::IpAddr;

use orchestrator_core::object::Object;
use orchestrator_core::store::{Key, KeyRange};
use orchestrator_core::{Env, ObjectKey, Value};
use serde_json::json;

use super::Held;
use crate::registry::Beside;

/// Where the objects of `ipaddresses` are kept.
const ADDRESSES: &str = "/registry/networking.k8s.io/ipaddresses/";

/// Where the records of ports are kept; upstream has a map of all ports under a key like this.
const PORTS: &str = "/registry/ranges/servicenodeports/";

/// Who made an address object, as its label says.
const MANAGER: &str = "ipallocator.k8s.io";

/// The keys of all claims of one sort.
pub(super) fn ranges() -> [KeyRange; 2] {
    [KeyRange::prefix(ADDRESSES), KeyRange::prefix(PORTS)]
}

/// What the claim at `key` is of; nothing for a key that is none.
pub(super) fn of(key: &Key) -> Held {
    let text = std::str::from_utf8(key.as_bytes()).unwrap_or_default();
    let address = text.strip_prefix(ADDRESSES).and_then(|name| name.parse().ok());
    let port = text.strip_prefix(PORTS).and_then(|name| name.parse().ok());
    Held { addresses: Vec::from_iter(address), ports: Vec::from_iter(port) }
}

/// Whether the claim `tree` was made by a server, not by hand.
pub(super) fn is_ours(tree: &Object) -> bool {
    let label = tree.label("ipaddress.kubernetes.io/managed-by");
    tree.kind() == "ServiceNodePort" || label == Some(MANAGER)
}

/// The keys of the claims of all that `held` names.
pub(super) fn keys(held: &Held) -> Vec<Key> {
    let addresses = held.addresses.iter().map(|ip| Key::from(format!("{ADDRESSES}{ip}")));
    let ports = held.ports.iter().map(|port| Key::from(format!("{PORTS}{port}")));
    addresses.chain(ports).collect()
}

/// What a write of `service` does to claims.
pub(super) fn beside(env: &Env, service: &ObjectKey, taken: &Held, given_up: &Held) -> Beside {
    let addresses = taken.addresses.iter().map(|ip| address(env, service, *ip));
    let ports = taken.ports.iter().map(|number| port(service, *number));
    let values = addresses.chain(ports).map(Value::from_object);
    Beside { take: keys(taken).into_iter().zip(values).collect(), give: keys(given_up) }
}

fn address(env: &Env, service: &ObjectKey, ip: IpAddr) -> Object {
    let family = if ip.is_ipv6() { "IPv6" } else { "IPv4" };
    let mut object = Object::new("networking.k8s.io/v1", "IPAddress");
    object.set_meta("name", ip.to_string());
    object.set_meta("uid", env.uid());
    object.set_meta("creationTimestamp", env.now_rfc3339());
    let labels = json!({"ipaddress.kubernetes.io/ip-family": family,
        "ipaddress.kubernetes.io/managed-by": MANAGER});
    object.set_meta("labels", labels);
    let parent =
        json!({"resource": "services", "namespace": service.namespace, "name": service.name});
    object.set("spec", json!({ "parentRef": parent }));
    object
}

fn port(service: &ObjectKey, number: u16) -> Object {
    let mut record = Object::new("orchestrator/v1", "ServiceNodePort");
    record.set_meta("name", number.to_string());
    record.set("spec", json!({ "service": service.to_string() }));
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_known_by_its_key() {
        let held = Held { addresses: vec!["fd00::1".parse().unwrap()], ports: vec![30080] };
        let keys = keys(&held);
        assert_eq!(keys[0].as_bytes(), b"/registry/networking.k8s.io/ipaddresses/fd00::1");
        assert_eq!((of(&keys[0]).addresses, of(&keys[1]).ports), (held.addresses, held.ports));
        assert_eq!(of(&Key::from("/registry/ranges/servicenodeports")), Held::default());
    }
}
