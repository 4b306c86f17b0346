//! A route as elements of maps.
//!
//! Each place where traffic comes in leads to a picker and to a pool; a pool has numbered endpoints.
//! Traffic from inside and from outside shares a pool where both may go to the same endpoints.

use std::net::{IpAddr, SocketAddr};

use orchestrator_core::proxy::{Frontend, Protocol, Route, RouteName, TrafficPolicy};
use orchestrator_netlink::nft::{Bytes, Data, Family, Key, Verdict};
use sha2::{Digest, Sha256};

use super::picker::{Entrance, Picker};
use super::{NftablesConfig, has_family, layout, unspecified};

/// Something that a route wants a map to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Element {
    /// Traffic comes in here.
    Service(Frontend),
    /// The pool of a place where traffic comes in.
    Pool(Frontend),
    /// Traffic of pods and of the node comes in here, though others are kept to local endpoints.
    Shortcut(Frontend),
    /// The pool for traffic that takes the shortcut.
    ShortcutPool(Frontend),
    /// Traffic here is turned away.
    Refused(Frontend),
    /// An address inside the cluster.
    ClusterIp(IpAddr),
    /// The endpoint of that number.
    Endpoint(Family, PoolId, u32),
    /// An endpoint that clients may come back to.
    Member(PoolId, SocketAddr),
    /// An address on this node that may reach itself through a service.
    Hairpin(IpAddr),
}

/// What an element leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// Nothing: it is in a set.
    Nowhere,
    /// The chain that picks an endpoint.
    Pick(Picker),
    /// A pool.
    Pool(PoolId),
    /// An endpoint.
    Endpoint(SocketAddr),
    /// The chain that refuses.
    Refusal,
    /// The end.
    Drop,
}

/// Names the endpoints of a route, the same after a restart, so that clients keep theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PoolId([u32; 2]);

impl PoolId {
    /// 64 bits of a hash: two of 100,000 pools are the same in one of 10⁹ clusters.
    fn of(name: &RouteName, outside: bool) -> Self {
        let text = format!("{}/{}/{outside}", name.service, name.port);
        let hash = Sha256::digest(text.as_bytes());
        let word = |at: usize| {
            u32::from_be_bytes(hash[at..at + 4].try_into().expect("the hash has 32 bytes"))
        };
        Self([word(0), word(4)])
    }

    fn bytes(self) -> Bytes {
        Bytes::new().number(self.0[0]).number(self.0[1])
    }
}

impl Element {
    /// The table that it is in.
    pub(super) fn family(&self) -> Family {
        match self {
            Self::Service(at)
            | Self::Pool(at)
            | Self::Shortcut(at)
            | Self::ShortcutPool(at)
            | Self::Refused(at) => Family::of(at.address.ip()),
            Self::Endpoint(family, ..) => *family,
            Self::Member(_, address) => Family::of(address.ip()),
            Self::ClusterIp(ip) | Self::Hairpin(ip) => Family::of(*ip),
        }
    }

    /// The set that it is in.
    pub(super) fn set(&self) -> &'static str {
        match self {
            Self::Service(_) => layout::SERVICES,
            Self::Pool(_) => layout::POOLS,
            Self::Shortcut(_) => layout::SHORTCUTS,
            Self::ShortcutPool(_) => layout::SHORTCUT_POOLS,
            Self::Refused(_) => layout::REFUSED,
            Self::ClusterIp(_) => layout::CLUSTER_IPS,
            Self::Endpoint(..) => layout::ENDPOINTS,
            Self::Member(..) => layout::MEMBERS,
            Self::Hairpin(_) => layout::HAIRPINS,
        }
    }

    /// Its key in the set.
    pub(super) fn key(&self) -> Key {
        Key::one(match self {
            Self::Service(at)
            | Self::Pool(at)
            | Self::Shortcut(at)
            | Self::ShortcutPool(at)
            | Self::Refused(at) => Bytes::new()
                .address(at.address.ip())
                .protocol(number(at.protocol))
                .port(at.address.port()),
            Self::ClusterIp(ip) => Bytes::new().address(*ip),
            Self::Hairpin(ip) => Bytes::new().address(*ip).address(*ip),
            Self::Endpoint(_, pool, number) => pool.bytes().number(*number),
            Self::Member(pool, at) => pool.bytes().address(at.ip()).port(at.port()),
        })
    }
}

impl Leads {
    /// What the map says.
    pub(super) fn data(&self) -> Option<Data> {
        match self {
            Self::Nowhere => None,
            Self::Pick(picker) => Some(Data::Verdict(Verdict::Goto(picker.chain()))),
            Self::Refusal => Some(Data::Verdict(Verdict::Goto(layout::REFUSE.into()))),
            Self::Drop => Some(Data::Verdict(Verdict::Drop)),
            Self::Pool(pool) => Some(Data::Value(pool.bytes().0)),
            Self::Endpoint(at) => {
                Some(Data::Value(Bytes::new().address(at.ip()).port(at.port()).0))
            }
        }
    }
}

/// The number of a transport protocol.
pub(super) fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

/// What `route` wants. Elements of several places or ports may be the same.
pub(super) fn elements_of(
    name: &RouteName,
    route: &Route,
    config: &NftablesConfig,
) -> Vec<(Element, Leads)> {
    let mut wanted = Wanted { name, route, elements: Vec::new() };
    let here = |address: &SocketAddr| !config.served_here.contains(&address.ip());
    for address in route.cluster.iter().filter(|address| here(address)) {
        wanted.elements.push((Element::ClusterIp(address.ip()), Leads::Nowhere));
        wanted.inside(*address);
    }
    for address in route.outside.iter().filter(|address| here(address)) {
        wanted.outside(*address, Entrance::Address);
    }
    if let Some(port) = route.node_port {
        for family in Family::ALL.into_iter().filter(|family| has_family(route, *family)) {
            wanted.outside(SocketAddr::new(unspecified(family), port), Entrance::NodePort);
        }
    }
    for endpoint in route.endpoints.iter().filter(|endpoint| endpoint.local) {
        wanted.elements.push((Element::Hairpin(endpoint.address.ip()), Leads::Nowhere));
    }
    wanted.elements.sort_unstable_by_key(|(element, _)| *element);
    wanted.elements.dedup_by_key(|(element, _)| *element);
    wanted.elements
}

struct Wanted<'a> {
    name: &'a RouteName,
    route: &'a Route,
    elements: Vec<(Element, Leads)>,
}

impl Wanted<'_> {
    fn inside(&mut self, address: SocketAddr) {
        let at = self.at(address);
        let to = of_family(&self.route.internal, address);
        if to.is_empty() {
            // What goes to an address of the cluster and finds no service is refused anyway.
            if self.elsewhere(self.route.internal_policy, address) {
                self.elements.push((Element::Refused(at), Leads::Drop));
            }
            return;
        }
        let picker = self.picker(to.len(), Entrance::Address, false);
        let pool = self.pool(&to, false);
        self.elements.push((Element::Service(at), Leads::Pick(picker)));
        self.elements.push((Element::Pool(at), Leads::Pool(pool)));
    }

    fn outside(&mut self, address: SocketAddr, entrance: Entrance) {
        let at = self.at(address);
        let to = of_family(&self.route.external, address);
        let local = self.route.external_policy == TrafficPolicy::Local;
        if local && self.route.internal_policy == TrafficPolicy::Cluster {
            self.shortcut(address, entrance);
        }
        if to.is_empty() {
            let elsewhere = self.elsewhere(self.route.external_policy, address);
            let leads = if elsewhere { Leads::Drop } else { Leads::Refusal };
            self.elements.push((Element::Refused(at), leads));
            return;
        }
        let picker = self.picker(to.len(), entrance, !local);
        let pool = self.pool(&to, self.route.external != self.route.internal);
        self.elements.push((Element::Service(at), Leads::Pick(picker)));
        self.elements.push((Element::Pool(at), Leads::Pool(pool)));
    }

    /// Pods and the node itself are not kept to local endpoints: nothing would be won for them,
    /// since their own addresses stay what they are.
    fn shortcut(&mut self, address: SocketAddr, entrance: Entrance) {
        let to = of_family(&self.route.internal, address);
        if to.is_empty() {
            return;
        }
        let at = self.at(address);
        let picker = Picker { shortcut: true, ..self.picker(to.len(), entrance, false) };
        let pool = self.pool(&to, false);
        self.elements.push((Element::Shortcut(at), Leads::Pick(picker)));
        self.elements.push((Element::ShortcutPool(at), Leads::Pool(pool)));
    }

    fn at(&self, address: SocketAddr) -> Frontend {
        Frontend { protocol: self.route.protocol, address }
    }

    fn picker(&self, endpoints: usize, entrance: Entrance, masquerade: bool) -> Picker {
        Picker {
            endpoints: u32::try_from(endpoints).unwrap_or(u32::MAX),
            entrance,
            masquerade,
            shortcut: false,
            affinity_seconds: self.route.affinity.map(|keep| keep.as_secs().max(1)),
        }
    }

    fn pool(&mut self, to: &[SocketAddr], outside: bool) -> PoolId {
        let pool = PoolId::of(self.name, outside);
        for (number, endpoint) in (0..).zip(to) {
            let element = Element::Endpoint(Family::of(endpoint.ip()), pool, number);
            self.elements.push((element, Leads::Endpoint(*endpoint)));
            if self.route.affinity.is_some() {
                self.elements.push((Element::Member(pool, *endpoint), Leads::Nowhere));
            }
        }
        pool
    }

    /// Whether traffic finds nothing only because it may not leave the node. Then it is dropped
    /// in silence: the sender may try another node.
    fn elsewhere(&self, policy: TrafficPolicy, address: SocketAddr) -> bool {
        let family = Family::of(address.ip());
        let usable = self.route.endpoints.iter().any(|endpoint| {
            let answers = endpoint.ready || (endpoint.serving && endpoint.terminating);
            answers && Family::of(endpoint.address.ip()) == family
        });
        policy == TrafficPolicy::Local && usable
    }
}

fn of_family(endpoints: &[SocketAddr], address: SocketAddr) -> Vec<SocketAddr> {
    let same = |endpoint: &&SocketAddr| endpoint.is_ipv4() == address.is_ipv4();
    endpoints.iter().filter(same).copied().collect()
}
