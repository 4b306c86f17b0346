//! The rules as packets find them, in this process.

use std::time::Duration;

use super::*;
use orchestrator_core::ObjectKey;
use orchestrator_core::proxy::{Endpoint, Protocol, TrafficPolicy};
use orchestrator_netlink::conntrack::Keep;
use orchestrator_netlink::nft::{Memory, Outcome, Packet, Place, Reject};
use proptest::prelude::*;
use std::net::SocketAddr;

#[derive(Debug)]
struct NoConnections;

#[async_trait]
impl Connections for NoConnections {
    async fn retain(&self, _: u8, _: Keep<'_>) -> Result<usize, orchestrator_core::BoxError> {
        Ok(0)
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn name(service: &str) -> RouteName {
    RouteName { service: ObjectKey::new("shop", service), port: String::new() }
}

/// Endpoints written as addresses parted by spaces; one followed by `@` is on this node.
fn endpoints(text: &str) -> Vec<Endpoint> {
    let endpoint = |text: &str| Endpoint {
        address: at(text.trim_end_matches('@')),
        ready: true,
        serving: true,
        terminating: false,
        local: text.ends_with('@'),
        zones: Vec::new(),
    };
    text.split_whitespace().map(endpoint).collect()
}

/// A route as the table has it: policies decide over `text`.
fn route(text: &str, internal: TrafficPolicy, external: TrafficPolicy) -> Route {
    let mut route = Route::default();
    route.endpoints = endpoints(text);
    let chosen = |policy| -> Vec<SocketAddr> {
        let all = route.endpoints.iter();
        let may = all.filter(|e| policy == TrafficPolicy::Cluster || e.local);
        may.map(|e| e.address).collect()
    };
    (route.internal, route.external) = (chosen(internal), chosen(external));
    (route.internal_policy, route.external_policy) = (internal, external);
    route.cluster = vec![at("10.96.0.1:80")];
    route.outside = vec![at("203.0.113.1:80")];
    route.node_port = Some(30_080);
    route
}

fn table(routes: impl IntoIterator<Item = (RouteName, Route)>) -> Arc<RoutingTable> {
    let mut table = RoutingTable::default();
    table.routes = routes.into_iter().collect();
    Arc::new(table)
}

fn proxy() -> (NftablesProxy, Arc<Memory>) {
    let rules = Arc::new(Memory::new());
    let config = NftablesConfig::default()
        .pods(["10.1.0.0/16".parse().unwrap()])
        .served_here(["10.96.0.10".parse().unwrap()]);
    (NftablesProxy::new(Arc::clone(&rules) as _, Arc::new(NoConnections), config), rules)
}

async fn with(route: Route) -> Arc<Memory> {
    let (proxy, rules) = proxy();
    proxy.apply(table([(name("web"), route)])).await.unwrap();
    rules
}

/// Sends a packet that came from outside and returns how it leaves: `from to`, `*` for the
/// node's own address.
fn send(rules: &Memory, mut packet: Packet) -> String {
    let mut place = match packet.from_local {
        true => Place::Output,
        false => Place::Prerouting,
    };
    loop {
        match rules.packet(place, &mut packet) {
            Outcome::Pass => {}
            Outcome::Dropped => return "dropped".into(),
            Outcome::Refused(Reject::Reset) => return "reset".into(),
            Outcome::Refused(Reject::Port) => return "unreachable".into(),
        }
        place = match place {
            Place::Prerouting if packet.to_local && !packet.redirected => Place::Input,
            Place::Prerouting => Place::Forward,
            Place::Forward | Place::Output => Place::Postrouting,
            Place::Input | Place::Postrouting => break,
        };
    }
    let from = packet.from.ip();
    let from = if from.is_unspecified() { "*".into() } else { from.to_string() };
    format!("{from} {}", packet.to)
}

fn from_to(from: &str, to: &str) -> Packet {
    Packet::tcp(at(&format!("{from}:40000")), at(to))
}

/// The same packet with all sorts of luck; the different ways in which it leaves.
fn all(rules: &Memory, packet: &Packet) -> Vec<String> {
    let luck = (0..16u32).map(|n| n << 28);
    let ways: BTreeSet<String> =
        luck.map(|random| send(rules, Packet { random, ..packet.clone() })).collect();
    ways.into_iter().collect()
}

const BOTH: &str = "10.1.0.1:8080@ 10.1.9.1:8080";

#[tokio::test]
async fn pods_reach_all_endpoints_with_their_own_address() {
    let rules = with(route(BOTH, TrafficPolicy::Cluster, TrafficPolicy::Cluster)).await;
    let ways = all(&rules, &from_to("10.1.0.7", "10.96.0.1:80"));
    assert_eq!(ways, ["10.1.0.7 10.1.0.1:8080", "10.1.0.7 10.1.9.1:8080"]);
}

#[tokio::test]
async fn strangers_reach_endpoints_with_the_address_of_the_node() {
    let rules = with(route(BOTH, TrafficPolicy::Cluster, TrafficPolicy::Cluster)).await;
    for to in ["10.96.0.1:80", "203.0.113.1:80"] {
        let ways = all(&rules, &from_to("192.0.2.1", to));
        assert_eq!(ways, ["* 10.1.0.1:8080", "* 10.1.9.1:8080"], "{to}");
    }
    let packet = Packet { to_local: true, ..from_to("192.0.2.1", "192.0.2.9:30080") };
    assert_eq!(all(&rules, &packet), ["* 10.1.0.1:8080", "* 10.1.9.1:8080"]);
    let elsewhere = from_to("192.0.2.1", "192.0.2.8:30080");
    assert_eq!(all(&rules, &elsewhere), ["192.0.2.1 192.0.2.8:30080"]);
}

#[tokio::test]
async fn policy_local_keeps_addresses_and_strangers_to_this_node() {
    let rules = with(route(BOTH, TrafficPolicy::Cluster, TrafficPolicy::Local)).await;
    let stranger = from_to("192.0.2.1", "203.0.113.1:80");
    assert_eq!(all(&rules, &stranger), ["192.0.2.1 10.1.0.1:8080"]);
    let pod = from_to("10.1.0.7", "203.0.113.1:80");
    assert_eq!(all(&rules, &pod), ["10.1.0.7 10.1.0.1:8080", "10.1.0.7 10.1.9.1:8080"]);
    let own = Packet { from_local: true, ..from_to("192.0.2.9", "203.0.113.1:80") };
    assert_eq!(all(&rules, &own), ["* 10.1.0.1:8080", "* 10.1.9.1:8080"]);
}

#[tokio::test]
async fn traffic_that_may_not_leave_the_node_and_finds_nothing_is_dropped() {
    let far = "10.1.9.1:8080";
    let rules = with(route(far, TrafficPolicy::Local, TrafficPolicy::Local)).await;
    assert_eq!(all(&rules, &from_to("10.1.0.7", "10.96.0.1:80")), ["dropped"]);
    assert_eq!(all(&rules, &from_to("192.0.2.1", "203.0.113.1:80")), ["dropped"]);
}

#[tokio::test]
async fn services_without_endpoints_and_ports_without_service_refuse() {
    let rules = with(route("", TrafficPolicy::Cluster, TrafficPolicy::Cluster)).await;
    for to in ["10.96.0.1:80", "10.96.0.1:81", "203.0.113.1:80"] {
        assert_eq!(all(&rules, &from_to("10.1.0.7", to)), ["reset"], "{to}");
    }
    let node = Packet { to_local: true, ..from_to("192.0.2.1", "192.0.2.9:30080") };
    assert_eq!(all(&rules, &node), ["reset"]);
    let datagram = Packet { protocol: 17, ..from_to("10.1.0.7", "10.96.0.1:80") };
    assert_eq!(all(&rules, &datagram), ["unreachable"]);
    let other = from_to("10.1.0.7", "203.0.113.1:81");
    assert_eq!(all(&rules, &other), ["10.1.0.7 203.0.113.1:81"], "others' ports stay theirs");
}

#[tokio::test]
async fn a_pod_that_reaches_itself_hides_behind_the_node() {
    let rules = with(route(BOTH, TrafficPolicy::Cluster, TrafficPolicy::Cluster)).await;
    let ways = all(&rules, &from_to("10.1.0.1", "10.96.0.1:80"));
    assert_eq!(ways, ["* 10.1.0.1:8080", "10.1.0.1 10.1.9.1:8080"]);
}

#[tokio::test]
async fn both_families_are_served_each_by_its_own() {
    let mut route = route(BOTH, TrafficPolicy::Cluster, TrafficPolicy::Cluster);
    route.cluster.push(at("[fd00::1]:80"));
    route.internal.push(at("[fd01::1]:8080"));
    let rules = with(route).await;
    let packet = Packet::tcp(at("[fd01::7]:40000"), at("[fd00::1]:80"));
    assert_eq!(all(&rules, &packet), ["fd01::7 [fd01::1]:8080"]);
    let four = all(&rules, &from_to("10.1.0.7", "10.96.0.1:80"));
    assert_eq!(four.len(), 2, "{four:?}");
}

#[tokio::test]
async fn what_the_node_serves_itself_is_left_alone() {
    let mut dns = route(BOTH, TrafficPolicy::Cluster, TrafficPolicy::Cluster);
    dns.cluster = vec![at("10.96.0.10:53")];
    let rules = with(dns).await;
    let packet = Packet { to_local: true, ..from_to("10.1.0.7", "10.96.0.10:53") };
    assert_eq!(all(&rules, &packet), ["10.1.0.7 10.96.0.10:53"]);
}

#[tokio::test]
async fn rules_that_somebody_broke_are_made_anew() {
    let (proxy, rules) = proxy();
    let one = table([(name("a"), route(BOTH, TrafficPolicy::Cluster, TrafficPolicy::Cluster))]);
    proxy.apply(Arc::clone(&one)).await.unwrap();
    let mut batch = Batch::new();
    batch.extend(&table_of(Family::Ip4), [Change::Remove]);
    rules.commit(batch).await.unwrap();
    proxy.apply(Arc::default()).await.unwrap();
    proxy.apply(one).await.unwrap();
    assert_eq!(all(&rules, &from_to("10.1.0.7", "10.96.0.1:80")).len(), 2);
    proxy.remove().await.unwrap();
    assert!(rules.tables().is_empty());
}

/// Routes over few addresses, so that they meet.
fn any_route() -> impl Strategy<Value = Route> {
    let policy = || prop_oneof![Just(TrafficPolicy::Cluster), Just(TrafficPolicy::Local)];
    let affinity = prop_oneof![Just(None), Just(Some(Duration::from_secs(5)))];
    let endpoints = proptest::collection::btree_set((1u8..5, any::<bool>()), 0..4);
    (endpoints, policy(), policy(), affinity, 1u8..3, any::<bool>(), any::<bool>()).prop_map(
        |(endpoints, internal, external, affinity, ip, udp, six)| {
            let text = |(last, local): &(u8, bool)| {
                format!("10.1.0.{last}:80{}", if *local { "@" } else { "" })
            };
            let text: Vec<_> = endpoints.iter().map(text).collect();
            let mut route = route(&text.join(" "), internal, external);
            route.cluster = vec![at(&format!("10.96.0.{ip}:80"))];
            route.node_port = Some(30_000 + u16::from(ip));
            route.affinity = affinity;
            route.protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
            if six {
                route.cluster.push(at(&format!("[fd00::{ip}]:80")));
                route.internal.push(at("[fd01::1]:80"));
            }
            route
        },
    )
}

fn any_table() -> impl Strategy<Value = Arc<RoutingTable>> {
    let routes = proptest::collection::btree_map("[a-d]", any_route(), 0..4);
    routes.prop_map(|routes| table(routes.into_iter().map(|(n, route)| (name(&n), route))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the rules came about, they are those that the last table gives.
    #[test]
    fn differences_lead_where_a_new_start_leads(
        tables in proptest::collection::vec(any_table(), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (stepwise, rules) = proxy();
            for table in &tables {
                stepwise.apply(Arc::clone(table)).await.unwrap();
            }
            let (fresh, wanted) = proxy();
            fresh.apply(Arc::clone(tables.last().unwrap())).await.unwrap();
            assert_eq!(rules.tables(), wanted.tables());
        });
    }
}
