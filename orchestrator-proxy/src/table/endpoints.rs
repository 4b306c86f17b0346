//! The endpoints of one service port, gathered from its slices.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::discovery::v1::{self as wire, EndpointSlice};
use orchestrator_core::proxy::{Endpoint, Protocol};

/// How slices name the port that is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortRef<'a> {
    pub name: &'a str,
    pub protocol: Protocol,
}

/// An endpoint and the nodes that should prefer it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub endpoint: Endpoint,
    pub nodes: Vec<String>,
}

/// The endpoints behind `port`, in the order of their addresses.
///
/// An address may be in two slices while it moves from one to the other; then the one counts
/// that can take traffic.
pub(super) fn endpoints_of(
    slices: &[&EndpointSlice],
    port: PortRef<'_>,
    node: &str,
) -> Vec<Candidate> {
    let mut found: BTreeMap<SocketAddr, Candidate> = BTreeMap::new();
    for slice in slices {
        let Some(number) = port_of(slice, port) else { continue };
        for endpoint in slice.endpoints.iter().flatten() {
            let Some(candidate) = read(slice, endpoint, number, node) else { continue };
            let rank = |c: &Candidate| (c.endpoint.ready, c.endpoint.serving);
            let address = candidate.endpoint.address;
            let known = found.get(&address).map(rank);
            if known.is_none_or(|known| known < rank(&candidate)) {
                found.insert(address, candidate);
            }
        }
    }
    found.into_values().collect()
}

fn port_of(slice: &EndpointSlice, wanted: PortRef<'_>) -> Option<u16> {
    let mut ports = slice.ports.iter().flatten();
    let port = ports.find(|port| {
        port.name.as_deref().unwrap_or_default() == wanted.name
            && Protocol::parse(port.protocol.as_deref()) == Some(wanted.protocol)
    })?;
    u16::try_from(port.port?).ok().filter(|port| *port > 0)
}

fn read(
    slice: &EndpointSlice,
    endpoint: &wire::Endpoint,
    port: u16,
    node: &str,
) -> Option<Candidate> {
    let ip: IpAddr = endpoint.addresses.first()?.parse().ok()?;
    if slice.address_type != if ip.is_ipv4() { "IPv4" } else { "IPv6" } {
        return None;
    }
    let conditions = endpoint.conditions.as_ref();
    let hints = endpoint.hints.as_ref();
    let zones = hints.and_then(|hints| hints.for_zones.as_ref());
    let nodes = hints.and_then(|hints| hints.for_nodes.as_ref());
    Some(Candidate {
        endpoint: Endpoint {
            address: SocketAddr::new(ip, port),
            ready: conditions.and_then(|c| c.ready).unwrap_or(true),
            serving: conditions.and_then(|c| c.serving).unwrap_or(true),
            terminating: conditions.and_then(|c| c.terminating).unwrap_or(false),
            local: !node.is_empty() && endpoint.node_name.as_deref() == Some(node),
            zones: zones.into_iter().flatten().map(|zone| zone.name.clone()).collect(),
        },
        nodes: nodes.into_iter().flatten().map(|node| node.name.clone()).collect(),
    })
}
