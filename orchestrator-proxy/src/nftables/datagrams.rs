//! Which datagram connections go on when a table changes.
//!
//! One that goes to a service goes on while the service has the endpoint that it is led to. All
//! others are none of our business.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use orchestrator_core::proxy::{Protocol, RoutingTable};
use orchestrator_netlink::conntrack::Flow;

use super::{ChangedRoute, Family, unspecified};

/// Where datagrams of one protocol may go.
#[derive(Debug, Default)]
pub(super) struct Destinations(BTreeMap<SocketAddr, BTreeSet<SocketAddr>>);

/// The number of their protocol.
pub(super) const PROTOCOL: u8 = 17;

/// Whether routes that differ carry datagrams.
pub(super) fn concerned(changed: &[ChangedRoute<'_>]) -> bool {
    let mut routes = changed.iter().flat_map(|(_, old, new)| [old, new]).flatten();
    routes.any(|route| route.protocol == Protocol::Udp)
}

impl Destinations {
    /// Where datagrams may go now.
    pub(super) fn of(table: &RoutingTable) -> Self {
        let nodes = Family::ALL.map(unspecified);
        let mut destinations = Self::default();
        let udp = table.routes.values().filter(|route| route.protocol == Protocol::Udp);
        for route in udp {
            for (frontend, _) in route.frontends(&nodes) {
                // Pods may be led past the policy, so either list is right.
                let to = destinations.0.entry(frontend.address).or_default();
                to.extend(route.internal.iter().chain(&route.external));
            }
        }
        destinations
    }

    /// Whether a connection goes on.
    pub(super) fn keep(&self, flow: &Flow) -> bool {
        if let Some(to) = self.0.get(&flow.to) {
            return to.contains(&flow.answered_by);
        }
        let node_port = SocketAddr::new(unspecified(Family::of(flow.to.ip())), flow.to.port());
        let redirected = flow.to != flow.answered_by;
        match self.0.get(&node_port) {
            Some(to) if redirected => to.contains(&flow.answered_by),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::ObjectKey;
    use orchestrator_core::proxy::{Route, RouteName};

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn table(endpoints: &[&str]) -> RoutingTable {
        let mut route = Route::default();
        route.protocol = Protocol::Udp;
        route.cluster = vec![at("10.96.0.9:53")];
        route.node_port = Some(30_053);
        route.internal = endpoints.iter().map(|text| at(text)).collect();
        let name = RouteName { service: ObjectKey::new("shop", "dns"), port: String::new() };
        let mut table = RoutingTable::default();
        table.routes.insert(name, route);
        table
    }

    #[test]
    fn connections_to_endpoints_that_left_are_forgotten() {
        let destinations = Destinations::of(&table(&["10.1.0.1:53"]));
        for (to, answered_by, stays) in [
            ("10.96.0.9:53", "10.1.0.1:53", true),
            ("10.96.0.9:53", "10.1.0.2:53", false),
            ("10.96.0.9:53", "10.96.0.9:53", false),
            ("192.168.0.7:30053", "10.1.0.1:53", true),
            ("192.168.0.7:30053", "10.1.0.2:53", false),
            ("192.168.0.7:30053", "192.168.0.7:30053", true),
            ("8.8.8.8:53", "8.8.8.8:53", true),
        ] {
            let client = [10, 1, 0, 7].into();
            let flow = Flow { client, to: at(to), answered_by: at(answered_by) };
            assert_eq!(destinations.keep(&flow), stays, "{to} {answered_by}");
        }
    }

    #[test]
    fn nothing_is_looked_at_while_datagram_services_stay() {
        let mut web = table(&["10.1.0.1:53"]);
        let (name, mut route) = web.routes.pop_first().unwrap();
        assert!(concerned(&[(&name, None, Some(&route))]));
        route.protocol = Protocol::Tcp;
        assert!(!concerned(&[(&name, None, Some(&route))]));
        assert!(!concerned(&[]));
    }
}
