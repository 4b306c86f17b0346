//! Three nodes on one link, each with a pod, and a stranger on the same link.
//!
//! ```text
//! stranger .9 ─┐
//!  n1 .1 ──────┤ 192.0.2.0/24   n1 ── p1 10.1.1.2
//!  n2 .2 ──────┤                n2 ── p2 10.1.2.2
//!  n3 .3 ──────┘                n3 ── p3 10.1.3.2
//! ```

use std::net::SocketAddr;

use ipnet::IpNet;
use orchestrator_netlink::links::{KernelLinks, Link, LinkKind, Links as _, Route, Wiring};
use orchestrator_netlink::nft::{Batch, Change, Family, Kernel, Nftables as _, TableId};
use orchestrator_network::pods::{self, NodeNetwork};
use orchestrator_network::{Fabric, HostGateway, Overlay};
use orchestrator_testkit::machines::{Machine, machines};

struct Lab {
    stranger: Machine,
    nodes: Vec<Machine>,
    pods: Vec<Machine>,
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn network(number: usize) -> NodeNetwork {
    NodeNetwork {
        name: format!("n{number}"),
        addresses: vec![format!("192.0.2.{number}").parse().unwrap()],
        pods: vec![format!("10.1.{number}.0/24").parse().unwrap()],
    }
}

impl Lab {
    fn start() -> Option<Self> {
        let all = machines(["hub", "stranger", "n1", "n2", "n3", "p1", "p2", "p3"])?;
        let [hub, stranger, n1, n2, n3, p1, p2, p3] = all;
        let nodes = vec![n1, n2, n3];
        let pods = vec![p1, p2, p3];
        hub.ip("link add link0 type bridge");
        hub.ip("link set dev link0 up");
        let ends = [(&stranger, 9), (&nodes[0], 1), (&nodes[1], 2), (&nodes[2], 3)];
        for (machine, number) in ends {
            let port = format!("port{number}");
            let address = format!("192.0.2.{number}/24");
            machine.cable(("eth0", &address), &hub, (&port, "0.0.0.0/32"));
            hub.ip(&format!("link set dev {port} master link0"));
        }
        for (number, (node, pod)) in (1..).zip(nodes.iter().zip(&pods)) {
            let (own, gateway) = (format!("10.1.{number}.2/24"), format!("10.1.{number}.1/24"));
            pod.cable(("eth0", &own), node, ("pod", &gateway));
            pod.ip(&format!("route add default via 10.1.{number}.1"));
            node.forward();
            pod.serve(&format!("p{number}"), at(&format!("10.1.{number}.2:80")));
        }
        stranger.serve("stranger", at("192.0.2.9:80"));
        // The machine in the middle keeps the link for as long as it is on.
        std::mem::forget(hub);
        Some(Self { stranger, nodes, pods })
    }

    /// Tells every node's kernel about the others.
    fn join(&self, fabric: impl Fabric + Clone) {
        for (number, node) in (1..).zip(&self.nodes) {
            let fabric = fabric.clone();
            node.block_on(move || async move {
                let others: Vec<_> =
                    (1..=3).filter(|other| *other != number).map(network).collect();
                let own = network(number);
                let links = KernelLinks::open().unwrap();
                links.set(&fabric.wiring(&own, &others)).await.unwrap();
                let cluster: Vec<IpNet> = vec!["10.1.0.0/16".parse().unwrap()];
                let mut batch = Batch::new();
                let rules = pods::masquerade(Family::Ip4, &own.pods, &cluster);
                batch.replace(&table(), &rules);
                Kernel::open().unwrap().commit(batch).await.unwrap();
            });
        }
    }

    fn pods_reach_each_other_with_their_own_addresses(&self) {
        for (from, pod) in (1..).zip(&self.pods) {
            for to in (1..=3).filter(|to| *to != from) {
                let answer = pod.ask(at(&format!("10.1.{to}.2:80")));
                let wanted = (format!("p{to}"), format!("10.1.{from}.2"));
                assert_eq!(answer.ok(), Some(wanted), "p{from} to p{to}");
            }
        }
    }
}

fn table() -> TableId {
    TableId { family: Family::Ip4, name: pods::TABLE.into() }
}

#[test]
fn nodes_are_gateways_for_each_other_and_for_what_leaves() {
    let Some(lab) = Lab::start() else { return };
    lab.join(HostGateway);
    lab.pods_reach_each_other_with_their_own_addresses();
    let (name, seen) = lab.pods[0].ask(at("192.0.2.9:80")).unwrap();
    assert_eq!((name.as_str(), seen.as_str()), ("stranger", "192.0.2.1"), "behind the node");
    assert!(!lab.stranger.reaches(at("10.1.1.2:80")), "no way from outside");
}

#[test]
fn an_overlay_carries_pods_and_goes_without_a_trace() {
    let Some(lab) = Lab::start() else { return };
    let before = lab.nodes[0].command("ip -o link") + &lab.nodes[0].command("ip route");
    lab.join(Overlay::default());
    lab.pods_reach_each_other_with_their_own_addresses();
    lab.join(Overlay::default());
    lab.pods_reach_each_other_with_their_own_addresses();
    lab.nodes[0].block_on(|| async {
        let links = KernelLinks::open().unwrap();
        links.set(&Wiring::default()).await.unwrap();
        links.remove("orch-overlay").await.unwrap();
        links.remove("orch-overlay").await.unwrap();
        let mut batch = Batch::new();
        batch.extend(&table(), [Change::Remove]);
        Kernel::open().unwrap().commit(batch).await.unwrap();
    });
    let after = lab.nodes[0].command("ip -o link") + &lab.nodes[0].command("ip route");
    assert_eq!(before, after);
    assert_eq!(lab.nodes[0].command("nft list ruleset"), "");
}

#[test]
fn routes_to_a_node_go_with_it_and_those_of_others_stay() {
    let Some(lab) = Lab::start() else { return };
    let node = &lab.nodes[0];
    node.ip("route add 10.9.0.0/24 via 192.0.2.9");
    let set = |others: Vec<NodeNetwork>| {
        node.block_on(move || async move {
            let wiring = HostGateway.wiring(&network(1), &others);
            KernelLinks::open().unwrap().set(&wiring).await.unwrap();
        });
    };
    set(vec![network(2), network(3)]);
    assert!(node.command("ip route").contains("10.1.3.0/24 via 192.0.2.3"));
    let mut moved = network(2);
    moved.addresses = vec!["192.0.2.3".parse().unwrap()];
    set(vec![moved]);
    let routes = node.command("ip route");
    assert!(routes.contains("10.1.2.0/24 via 192.0.2.3"), "{routes}");
    assert!(!routes.contains("10.1.3.0/24"), "{routes}");
    assert!(routes.contains("10.9.0.0/24 via 192.0.2.9"), "{routes}");
}

#[test]
fn a_node_has_shared_addresses_and_a_way_to_services() {
    let Some([node]) = machines(["node"]) else { return };
    node.ip("link add eth0 type bridge");
    node.address("eth0", "192.0.2.1/24");
    node.block_on(|| async {
        let route = Route {
            to: "10.96.0.0/16".parse().unwrap(),
            via: None,
            link: Some("shared".into()),
            from: Some("192.0.2.1".parse().unwrap()),
        };
        let link = Link {
            name: "shared".into(),
            addresses: vec!["10.96.0.10/32".parse().unwrap(), "fd00::a/128".parse().unwrap()],
            kind: LinkKind::Alone,
        };
        let wiring = Wiring { links: vec![link], routes: [route].into() };
        let links = KernelLinks::open().unwrap();
        links.set(&wiring).await.unwrap();
        links.set(&wiring).await.unwrap();
    });
    let found = node.command("ip route get 10.96.1.2");
    assert!(found.contains("dev shared src 192.0.2.1"), "{found}");
    node.serve_datagrams("names", at("10.96.0.10:53"));
    assert_eq!(node.ask_datagram(at("192.0.2.1:0"), at("10.96.0.10:53")).unwrap(), "names");
}
