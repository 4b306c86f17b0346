//! Which datagram connections go on when a table changes.
//!
//! One that goes to a service goes on while the service has the endpoint that it is led to. All
//! others are none of our business.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use orchestrator_core::proxy::{Protocol, Route, RoutingTable};
use orchestrator_netlink::conntrack::Flow;

use super::elements::number;
use super::{Family, unspecified};

/// Where datagrams of one protocol may go.
#[derive(Debug, Default)]
pub(super) struct Destinations(BTreeMap<SocketAddr, BTreeSet<SocketAddr>>);

/// The protocols of datagrams whose routes differ, with where they may go now.
pub(super) fn changed(
    before: Option<&RoutingTable>,
    table: &RoutingTable,
) -> Option<(u8, Destinations)> {
    let of = |table: &RoutingTable| -> Vec<Route> {
        let udp = table.routes.values().filter(|route| route.protocol == Protocol::Udp);
        udp.cloned().collect()
    };
    let routes = of(table);
    if before.is_some_and(|before| of(before) == routes) {
        return None;
    }
    let nodes = Family::ALL.map(unspecified);
    let mut destinations = Destinations::default();
    for route in &routes {
        for (frontend, _) in route.frontends(&nodes) {
            // Pods may be led past the policy, so either list is right.
            let to = destinations.0.entry(frontend.address).or_default();
            to.extend(route.internal.iter().chain(&route.external));
        }
    }
    Some((number(Protocol::Udp), destinations))
}

impl Destinations {
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
    use orchestrator_core::proxy::RouteName;

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
        let (_, destinations) = changed(None, &table(&["10.1.0.1:53"])).unwrap();
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
        let table = table(&["10.1.0.1:53"]);
        assert!(changed(Some(&table), &table).is_none());
    }
}
