//! How a node reaches the pods of others.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use orchestrator_netlink::links::{Link, LinkKind, Peer, Route, Wiring};
use sha2::{Digest, Sha256};

use super::NodeNetwork;

/// A way between nodes, as a pure function of them.
pub trait Fabric: fmt::Debug + Send + Sync + 'static {
    /// The links and routes of `own` to all `others`.
    ///
    /// What two nodes do fits together without a word between them: both see the same nodes.
    fn wiring(&self, own: &NodeNetwork, others: &[NodeNetwork]) -> Wiring;
}

/// Packets go to the other node as they are: all nodes share a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostGateway;

impl Fabric for HostGateway {
    fn wiring(&self, _: &NodeNetwork, others: &[NodeNetwork]) -> Wiring {
        let route = |node: &NodeNetwork, to: &IpNet| {
            let via = node.address_like(to.addr())?;
            Some(Route { to: *to, via: Some(via), link: None, from: None })
        };
        let routes = others
            .iter()
            .flat_map(|node| node.pods.iter().filter_map(move |to| route(node, to)))
            .collect();
        Wiring { links: Vec::new(), routes }
    }
}

/// Packets go to the other node wrapped into datagrams (VXLAN), whatever lies between. Of dual
/// ranges the IPv4 one takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// The name of the link.
    pub link: String,
    /// The number of the network.
    pub network: u32,
    /// The port of the datagrams.
    pub port: u16,
}

impl Default for Overlay {
    /// Link `orch-overlay`, network 1, and the port that is registered for VXLAN.
    fn default() -> Self {
        Self { link: "orch-overlay".into(), network: 1, port: 4789 }
    }
}

impl Fabric for Overlay {
    fn wiring(&self, own: &NodeNetwork, others: &[NodeNetwork]) -> Wiring {
        let Some((inside, local)) = ends(own) else { return Wiring::default() };
        let peers: Vec<(IpNet, Peer)> = others
            .iter()
            .filter_map(|node| {
                let (pods, address) = ends(node)?;
                let hardware = hardware(&pods);
                Some((pods, Peer { node: address, inside: pods.network(), hardware }))
            })
            .collect();
        let kind = LinkKind::Overlay {
            network: self.network,
            port: self.port,
            local,
            hardware: hardware(&inside),
            peers: peers.iter().map(|(_, peer)| *peer).collect(),
        };
        // The first address of a range is no pod's: the node has it on the overlay.
        let address = IpNet::from(inside.network());
        let link = Link { name: self.link.clone(), addresses: vec![address], kind };
        let route = |(to, peer): &(IpNet, Peer)| Route {
            to: *to,
            via: Some(peer.inside),
            link: Some(self.link.clone()),
            from: None,
        };
        Wiring { links: vec![link], routes: peers.iter().map(route).collect() }
    }
}

/// The range of a node's pods on the overlay, and its address outside.
fn ends(node: &NodeNetwork) -> Option<(IpNet, IpAddr)> {
    let pods = *node.pods.iter().find(|net| net.addr().is_ipv4())?;
    Some((pods, node.address_like(pods.addr())?))
}

/// The hardware address of the node with these pods, which all nodes can tell.
fn hardware(pods: &IpNet) -> [u8; 6] {
    let hash = Sha256::digest(pods.trunc().to_string().as_bytes());
    // Assigned locally, and not to a group.
    let first = (hash[0] & 0xfc) | 0x02;
    [first, hash[1], hash[2], hash[3], hash[4], hash[5]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeNetwork {
        NodeNetwork {
            name: format!("n{number}"),
            addresses: vec![[192, 0, 2, number].into()],
            pods: vec![
                format!("10.1.{number}.0/24").parse().unwrap(),
                format!("fd01:{number}::/64").parse().unwrap(),
            ],
        }
    }

    #[test]
    fn a_gateway_is_a_node_that_has_an_address_of_the_family() {
        let wiring = HostGateway.wiring(&node(1), &[node(2), node(3)]);
        let routes: Vec<_> = wiring
            .routes
            .iter()
            .map(|route| format!("{} via {}", route.to, route.via.unwrap()))
            .collect();
        assert_eq!(routes, ["10.1.2.0/24 via 192.0.2.2", "10.1.3.0/24 via 192.0.2.3"]);
    }

    #[test]
    fn both_ends_of_an_overlay_agree() {
        let overlay = Overlay::default();
        let (one, two) =
            (overlay.wiring(&node(1), &[node(2)]), overlay.wiring(&node(2), &[node(1)]));
        let ends = |wiring: &Wiring| match &wiring.links[0].kind {
            LinkKind::Overlay { local, hardware, peers, .. } => (*local, *hardware, peers[0]),
            LinkKind::Alone => panic!("no overlay"),
        };
        let ((local, hardware, _), (_, _, seen)) = (ends(&one), ends(&two));
        assert_eq!((seen.node, seen.hardware), (local, hardware));
        let inside: IpNet = seen.inside.into();
        assert_eq!(one.links[0].addresses, [inside]);
        assert_eq!(two.routes.first().unwrap().via, Some(seen.inside));
    }
}
