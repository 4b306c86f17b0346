//! The kernel's rules with real packets, on machines of this test alone.
//!
//! ```text
//! client 192.0.2.1 ── 192.0.2.9 node 10.1.0.254 ── 10.1.0.1 a
//!                                    10.1.1.254 ── 10.1.1.1 b
//! ```
//!
//! `a` is an endpoint on the node, `b` one elsewhere.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::ObjectKey;
use orchestrator_core::proxy::{
    Endpoint, Protocol, Proxy, Route, RouteName, RoutingTable, TrafficPolicy,
};
use orchestrator_proxy::{NftablesConfig, NftablesProxy};
use orchestrator_testkit::machines::{Machine, machines};
use tokio::runtime::Runtime;

const SERVICE: &str = "10.96.0.1:80";
const OUTSIDE: &str = "203.0.113.1:80";
const NODE_PORT: &str = "192.0.2.9:30080";
const A: &str = "10.1.0.1:8080";
const B: &str = "10.1.1.1:8080";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

struct Lab {
    client: Machine,
    node: Machine,
    a: Machine,
    b: Machine,
    proxy: Arc<(NftablesProxy, Runtime)>,
}

impl Lab {
    fn start() -> Option<Self> {
        let [client, node, a, b] = machines(["client", "node", "a", "b"])?;
        client.cable(("eth0", "192.0.2.1/24"), &node, ("eth0", "192.0.2.9/24"));
        a.cable(("eth0", "10.1.0.1/24"), &node, ("a", "10.1.0.254/24"));
        b.cable(("eth0", "10.1.1.1/24"), &node, ("b", "10.1.1.254/24"));
        a.address("eth0", "fd01::1/64");
        node.address("a", "fd01::fe/64");
        node.address("eth0", "fd02::9/64");
        client.address("eth0", "fd02::1/64");
        node.forward();
        client.ip("route add default via 192.0.2.9");
        client.ip("-6 route add default via fd02::9");
        a.ip("route add default via 10.1.0.254");
        a.ip("-6 route add default via fd01::fe");
        b.ip("route add default via 10.1.1.254");
        // Addresses of services are nowhere; the route makes the node's own packets leave at all.
        node.ip("route add 10.96.0.0/12 dev eth0");
        node.ip("route add 203.0.113.0/24 dev eth0");
        for (machine, name, address) in [(&a, "a", A), (&b, "b", B), (&a, "a6", "[fd01::1]:8080")] {
            machine.serve(name, at(address));
            machine.serve_datagrams(name, at(address));
        }
        let proxy = node.run(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            let entered = runtime.enter();
            let config = NftablesConfig::default().pods(["10.1.0.0/16".parse().unwrap()]);
            let proxy = NftablesProxy::open(config).unwrap();
            drop(entered);
            Arc::new((proxy, runtime))
        });
        Some(Self { client, node, a, b, proxy })
    }

    fn apply(&self, routes: impl IntoIterator<Item = Route>) {
        let mut table = RoutingTable::default();
        for (number, route) in routes.into_iter().enumerate() {
            let service = ObjectKey::new("shop", format!("web-{number:05}"));
            table.routes.insert(RouteName { service, port: String::new() }, route);
        }
        let proxy = Arc::clone(&self.proxy);
        self.node.run(move || proxy.1.block_on(proxy.0.apply(Arc::new(table))).unwrap());
    }

    fn remove(&self) {
        let proxy = Arc::clone(&self.proxy);
        self.node.run(move || proxy.1.block_on(proxy.0.remove()).unwrap());
    }

    /// Who answers how often, of so many questions, with the client address that it saw.
    fn answers(&self, from: &Machine, to: &str, times: usize) -> BTreeMap<String, usize> {
        let mut answers = BTreeMap::new();
        for _ in 0..times {
            let answer = match from.ask(at(to)) {
                Ok((name, seen)) => format!("{name} {seen}"),
                Err(error) => error.kind().to_string(),
            };
            *answers.entry(answer).or_default() += 1;
        }
        let _ = &self.b;
        answers
    }
}

/// A route to these endpoints; one on `10.1.0` is on the node.
fn route(endpoints: &[&str]) -> Route {
    let mut route = Route::default();
    route.cluster = vec![at(SERVICE)];
    route.outside = vec![at(OUTSIDE)];
    route.node_port = Some(30_080);
    route.internal = endpoints.iter().map(|text| at(text)).collect();
    route.external = route.internal.clone();
    let endpoint = |text: &&str| Endpoint {
        address: at(text),
        ready: true,
        serving: true,
        terminating: false,
        local: text.starts_with("10.1.0."),
        zones: Vec::new(),
    };
    route.endpoints = endpoints.iter().map(endpoint).collect();
    route
}

fn keys(answers: &BTreeMap<String, usize>) -> Vec<&str> {
    answers.keys().map(String::as_str).collect()
}

#[test]
fn connections_are_shared_among_endpoints_from_everywhere() {
    let Some(lab) = Lab::start() else { return };
    lab.apply([route(&[A, B])]);
    for (from, to, seen) in [
        (&lab.client, SERVICE, ["a 10.1.0.254", "b 10.1.1.254"]),
        (&lab.client, OUTSIDE, ["a 10.1.0.254", "b 10.1.1.254"]),
        (&lab.client, NODE_PORT, ["a 10.1.0.254", "b 10.1.1.254"]),
        (&lab.node, SERVICE, ["a 10.1.0.254", "b 10.1.1.254"]),
        // A pod sees the other with its own address, and itself with the node's.
        (&lab.a, SERVICE, ["a 10.1.0.254", "b 10.1.0.1"]),
    ] {
        let answers = lab.answers(from, to, 40);
        assert_eq!(keys(&answers), seen, "to {to}");
        assert!(answers.values().all(|times| *times >= 5), "shared evenly: {answers:?}");
    }
    lab.remove();
    assert_eq!(lab.node.command("nft list ruleset"), "", "nothing is left");
}

#[test]
fn endpoints_come_and_go_while_connections_last() {
    let Some(lab) = Lab::start() else { return };
    lab.apply([route(&[A])]);
    assert_eq!(keys(&lab.answers(&lab.client, SERVICE, 4)), ["a 10.1.0.254"]);
    lab.apply([route(&[A, B])]);
    assert_eq!(lab.answers(&lab.client, SERVICE, 32).len(), 2);
    lab.apply([route(&[B])]);
    assert_eq!(keys(&lab.answers(&lab.client, SERVICE, 4)), ["b 10.1.1.254"]);
    lab.apply([route(&[])]);
    for (from, to) in [(&lab.client, SERVICE), (&lab.node, SERVICE), (&lab.client, NODE_PORT)] {
        let answers = lab.answers(from, to, 1);
        assert_eq!(keys(&answers), ["connection refused"], "to {to}");
    }
    assert_eq!(keys(&lab.answers(&lab.client, "10.96.0.1:81", 1)), ["connection refused"]);
}

#[test]
fn a_client_keeps_its_endpoint_and_loses_it_with_the_endpoint() {
    let Some(lab) = Lab::start() else { return };
    let sticky = |endpoints: &[&str]| {
        let mut route = route(endpoints);
        route.affinity = Some(Duration::from_secs(60));
        route
    };
    lab.apply([sticky(&[A, B])]);
    let first = lab.answers(&lab.client, SERVICE, 20);
    assert_eq!(first.len(), 1, "one endpoint only: {first:?}");
    assert_eq!(lab.answers(&lab.client, NODE_PORT, 20), first, "the same by the node port");
    let (left, name) = match keys(&first)[0].starts_with('a') {
        true => (B, "b 10.1.1.254"),
        false => (A, "a 10.1.0.254"),
    };
    lab.apply([sticky(&[left])]);
    assert_eq!(keys(&lab.answers(&lab.client, SERVICE, 5)), [name]);
    lab.apply([sticky(&[A, B])]);
    assert_eq!(keys(&lab.answers(&lab.client, SERVICE, 20)), [name]);
}

#[test]
fn policy_local_keeps_the_clients_address_and_to_the_node() {
    let Some(lab) = Lab::start() else { return };
    let mut local = route(&[A, B]);
    local.external_policy = TrafficPolicy::Local;
    local.external = vec![at(A)];
    lab.apply([local.clone()]);
    for to in [OUTSIDE, NODE_PORT] {
        assert_eq!(keys(&lab.answers(&lab.client, to, 20)), ["a 192.0.2.1"], "to {to}");
        assert_eq!(lab.answers(&lab.node, to, 40).len(), 2, "the node itself to {to}");
    }
    local.external = Vec::new();
    local.endpoints.retain(|endpoint| !endpoint.local);
    local.internal = vec![at(B)];
    lab.apply([local]);
    assert!(!lab.client.reaches(at(NODE_PORT)));
}

#[test]
fn datagrams_follow_the_endpoints_though_the_client_keeps_its_port() {
    let Some(lab) = Lab::start() else { return };
    let datagrams = |endpoints: &[&str]| {
        let mut route = route(endpoints);
        route.protocol = Protocol::Udp;
        route
    };
    let ask = || lab.client.ask_datagram(at("192.0.2.1:5000"), at(SERVICE));
    lab.apply([datagrams(&[A])]);
    assert_eq!(ask().unwrap(), "a");
    lab.apply([datagrams(&[B])]);
    assert_eq!(ask().unwrap(), "b");
    lab.apply([datagrams(&[])]);
    assert!(ask().is_err());
    lab.apply([datagrams(&[A])]);
    assert_eq!(ask().unwrap(), "a");
}

#[test]
fn the_other_family_is_served_too() {
    let Some(lab) = Lab::start() else { return };
    let mut six = route(&[]);
    six.cluster = vec![at("[fd00::1]:80")];
    six.internal = vec![at("[fd01::1]:8080")];
    six.external = six.internal.clone();
    six.affinity = Some(Duration::from_secs(60));
    lab.apply([six]);
    let answers = lab.answers(&lab.client, "[fd00::1]:80", 4);
    assert_eq!(keys(&answers), ["a6 fd02::1"]);
    assert_eq!(keys(&lab.answers(&lab.client, "[fd02::9]:30080", 4)), ["a6 fd01::fe"]);
}

#[test]
fn a_successor_takes_over_what_a_crash_left_and_leaves_others_alone() {
    let Some(lab) = Lab::start() else { return };
    lab.node.command("nft add table ip others");
    lab.node.command("nft add chain ip others mine { type filter hook input priority 0; }");
    lab.apply([route(&[A])]);
    let lab = Lab {
        proxy: lab.node.run(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().unwrap();
            let entered = runtime.enter();
            let proxy = NftablesProxy::open(NftablesConfig::default()).unwrap();
            drop(entered);
            Arc::new((proxy, runtime))
        }),
        ..lab
    };
    assert_eq!(keys(&lab.answers(&lab.client, NODE_PORT, 4)), ["a 10.1.0.254"]);
    lab.apply([route(&[B])]);
    assert_eq!(keys(&lab.answers(&lab.client, NODE_PORT, 4)), ["b 10.1.1.254"]);
    lab.remove();
    let left = lab.node.command("nft list ruleset");
    assert!(left.contains("table ip others") && !left.contains("orchestrator"), "{left}");
}

#[test]
fn thousands_of_services_fit_into_one_transaction() {
    let Some(lab) = Lab::start() else { return };
    let many = |last: &str| -> Vec<Route> {
        let other = |number: u32| {
            let mut route = route(&[A, B]);
            route.node_port = None;
            route.outside = Vec::new();
            let ip = std::net::Ipv4Addr::from(u32::from_be_bytes([10, 97, 0, 0]) + number);
            route.cluster = vec![SocketAddr::new(ip.into(), 80)];
            route
        };
        (0..2000).map(other).chain([route(&[last])]).collect()
    };
    lab.apply(many(A));
    assert_eq!(keys(&lab.answers(&lab.client, SERVICE, 4)), ["a 10.1.0.254"]);
    lab.apply(many(B));
    assert_eq!(keys(&lab.answers(&lab.client, SERVICE, 4)), ["b 10.1.1.254"]);
    assert_eq!(lab.answers(&lab.client, "10.97.7.207:80", 32).len(), 2);
}
