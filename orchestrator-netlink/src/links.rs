//! Links and routes by which a node reaches others.
//!
//! A [`Wiring`] says all that there shall be of ours. Links are known by name; routes carry a mark
//! of their own in the kernel, so that those of a predecessor are found and go when nobody wants
//! them. Links and routes of others are never touched.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use ipnet::IpNet;
use nlink::netlink::addr::{Ipv4Address, Ipv6Address};
use nlink::netlink::fdb::FdbEntryBuilder;
use nlink::netlink::link::{BridgeLink, VxlanLink};
use nlink::netlink::messages::RouteMessage;
use nlink::netlink::neigh::Neighbor;
use nlink::netlink::route::{Ipv4Route, Ipv6Route};
use nlink::netlink::types::route::{RouteProtocol, RouteScope};
use nlink::netlink::{Connection, Route as Wire};
use orchestrator_core::BoxError;

/// The number that says of a route that it is ours; 3 to 255 are free to take, and those that
/// routing programs use are below 200.
const OURS: u8 = 207;

/// All links and routes that there shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wiring {
    /// The links, which are made in this order.
    pub links: Vec<Link>,
    /// The routes.
    pub routes: BTreeSet<Route>,
}

/// A link of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name, at most 15 letters.
    pub name: String,
    /// The addresses that the node has on it.
    pub addresses: Vec<IpNet>,
    /// What it is.
    pub kind: LinkKind,
}

/// What a link is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// It leads nowhere; it is there for its addresses.
    Alone,
    /// Packets go through it to other nodes, wrapped into datagrams (VXLAN, RFC 7348).
    Overlay {
        /// The number of the network; nodes of one have the same.
        network: u32,
        /// The port of the datagrams.
        port: u16,
        /// This node's address, from which they are sent.
        local: IpAddr,
        /// This node's hardware address on the link.
        hardware: [u8; 6],
        /// The other nodes.
        peers: Vec<Peer>,
    },
}

/// Another node on an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// Its address, to which datagrams are sent.
    pub node: IpAddr,
    /// Its address on the overlay.
    pub inside: IpAddr,
    /// Its hardware address on the link.
    pub hardware: [u8; 6],
}

/// A route of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Where it leads.
    pub to: IpNet,
    /// The next machine on the way; none where the link itself leads there.
    pub via: Option<IpAddr>,
    /// The link; found by `via` where there is none.
    pub link: Option<String>,
    /// The address from which this node sends.
    pub from: Option<IpAddr>,
}

/// Joins a node to others.
#[async_trait]
pub trait Links: fmt::Debug + Send + Sync + 'static {
    /// Makes the node's own links and routes exactly those of `wiring`; a link that is no longer
    /// wanted stays until [`remove`](Self::remove) is called for it.
    ///
    /// # Errors
    /// The kernel refuses one; those before it are made, and another call tries all again.
    async fn set(&self, wiring: &Wiring) -> Result<(), BoxError>;

    /// Removes a link, if it is there.
    ///
    /// # Errors
    /// The kernel refuses.
    async fn remove(&self, link: &str) -> Result<(), BoxError>;
}

/// The kernel's links and routes.
pub struct KernelLinks {
    connection: Connection<Wire>,
}

impl fmt::Debug for KernelLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelLinks").finish_non_exhaustive()
    }
}

impl KernelLinks {
    /// Those of the namespace in which the caller's thread is; needs `CAP_NET_ADMIN` there.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn open() -> Result<Self, BoxError> {
        Ok(Self { connection: Connection::<Wire>::new()? })
    }

    async fn link(&self, link: &Link) -> Result<(), BoxError> {
        let exists = self.connection.get_link_by_name(link.name.as_str()).await?.is_some();
        if !exists {
            match &link.kind {
                // A bridge that nothing joins: not every kernel has the kind that is made for this.
                LinkKind::Alone => self.connection.add_link(BridgeLink::new(&link.name)).await?,
                LinkKind::Overlay { network, port, local, hardware, .. } => {
                    let overlay = VxlanLink::new(&link.name, *network).port(*port);
                    let overlay = overlay.address(*hardware).learning(false);
                    self.connection
                        .add_link(match local {
                            IpAddr::V4(ip) => overlay.local(*ip),
                            IpAddr::V6(ip) => overlay.local6(*ip),
                        })
                        .await?;
                }
            }
        }
        for address in &link.addresses {
            let (name, len) = (link.name.as_str(), address.prefix_len());
            match address.addr() {
                IpAddr::V4(ip) => {
                    let address = Ipv4Address::new(name, ip, len);
                    self.connection.replace_address(address).await?;
                }
                // Nobody else has it, and where the link leads nowhere nobody would answer.
                IpAddr::V6(ip) => {
                    let address = Ipv6Address::new(name, ip, len).nodad();
                    self.connection.replace_address(address).await?;
                }
            }
        }
        self.connection.set_link_up(link.name.as_str()).await?;
        if let LinkKind::Overlay { peers, .. } = &link.kind {
            for peer in peers {
                self.peer(&link.name, peer).await?;
            }
        }
        Ok(())
    }

    async fn peer(&self, link: &str, peer: &Peer) -> Result<(), BoxError> {
        let inside = match peer.inside {
            IpAddr::V4(ip) => Neighbor::new_v4(link, ip),
            IpAddr::V6(ip) => Neighbor::new_v6(link, ip),
        };
        let inside = inside.lladdr(peer.hardware).permanent();
        self.connection.replace_neighbor(inside).await?;
        let outside = FdbEntryBuilder::new(peer.hardware).dev(link).dst(peer.node);
        self.connection.replace_fdb(outside.self_().permanent()).await?;
        Ok(())
    }

    async fn route(&self, route: &Route) -> Result<(), BoxError> {
        let len = route.to.prefix_len();
        let scope = if route.via.is_some() { RouteScope::Universe } else { RouteScope::Link };
        match route.to.network() {
            IpAddr::V4(to) => {
                let mut wire = Ipv4Route::new(to, len).protocol(RouteProtocol::Other(OURS));
                wire = wire.scope(scope);
                if let Some(IpAddr::V4(via)) = route.via {
                    wire = wire.gateway(via);
                }
                if let Some(IpAddr::V4(from)) = route.from {
                    wire = wire.prefsrc(from);
                }
                if let Some(link) = &route.link {
                    wire = wire.dev(link);
                    // The next machine need not be of a network that the link has.
                    wire = if route.via.is_some() { wire.onlink() } else { wire };
                }
                self.connection.replace_route(wire).await?;
            }
            IpAddr::V6(to) => {
                let mut wire = Ipv6Route::new(to, len).protocol(RouteProtocol::Other(OURS));
                if let Some(IpAddr::V6(via)) = route.via {
                    wire = wire.gateway(via);
                }
                if let Some(IpAddr::V6(from)) = route.from {
                    wire = wire.prefsrc(from);
                }
                if let Some(link) = &route.link {
                    wire = wire.dev(link);
                }
                self.connection.replace_route(wire).await?;
            }
        }
        Ok(())
    }

    /// Removes a route; the kernel wants to hear all by which it knows it.
    async fn unroute(&self, found: &RouteMessage, to: IpNet) -> Result<(), BoxError> {
        let (protocol, len) = (RouteProtocol::Other(OURS), to.prefix_len());
        match to.network() {
            IpAddr::V4(to) => {
                let mut wire = Ipv4Route::new(to, len).protocol(protocol).scope(found.scope());
                if let Some(IpAddr::V4(via)) = found.gateway() {
                    wire = wire.gateway(*via);
                }
                if let Some(link) = found.oif() {
                    wire = wire.dev_index(link);
                }
                self.connection.del_route_if_exists(wire).await?;
            }
            IpAddr::V6(to) => {
                let mut wire = Ipv6Route::new(to, len).protocol(protocol);
                if let Some(IpAddr::V6(via)) = found.gateway() {
                    wire = wire.gateway(*via);
                }
                if let Some(link) = found.oif() {
                    wire = wire.dev_index(link);
                }
                self.connection.del_route_if_exists(wire).await?;
            }
        }
        Ok(())
    }

    /// Removes our routes to where none of `wanted` leads.
    async fn sweep(&self, wanted: &BTreeSet<Route>) -> Result<(), BoxError> {
        for found in self.connection.get_routes().await? {
            let Some(to) = found.destination() else { continue };
            let ours = found.protocol() == RouteProtocol::Other(OURS);
            let Ok(net) = IpNet::new(*to, found.dst_len()) else { continue };
            if !ours || wanted.iter().any(|route| route.to.trunc() == net.trunc()) {
                continue;
            }
            self.unroute(&found, net).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Links for KernelLinks {
    async fn set(&self, wiring: &Wiring) -> Result<(), BoxError> {
        for link in &wiring.links {
            self.link(link).await?;
        }
        for route in &wiring.routes {
            self.route(route).await?;
        }
        self.sweep(&wiring.routes).await
    }

    async fn remove(&self, link: &str) -> Result<(), BoxError> {
        self.connection.del_link_if_exists(link).await?;
        Ok(())
    }
}

#[cfg(test)]
fn _dyn_compatible(_: &dyn Links) {}
