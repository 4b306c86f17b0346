//! The service proxy: a complete routing table goes in, a data path carries it.
//!
//! The table is computed by a pure function of Services and EndpointSlices
//! (`orchestrator_proxy::routing_table`); a [`Proxy`] only makes it real, whether with sockets or
//! with rules of the kernel. Tables are complete, so a proxy that was away misses nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::ObjectKey;

/// A data path for Services.
///
/// # Contract
/// - **Complete.** After `apply`, new connections go where this table says, and to no place that
///   only an earlier table named.
/// - **Graceful.** Established connections of a service that is still there go on, even when
///   their endpoint left the table.
/// - **Partial failure is reported, not fatal.** A port that cannot be programmed is in the
///   status with its reason; all others work. The next `apply` tries it again.
/// - **Idempotent.** Applying the same table twice changes nothing.
#[async_trait]
pub trait Proxy: fmt::Debug + Send + Sync + 'static {
    /// Makes the data path carry exactly `table`; returns when it does.
    ///
    /// # Errors
    /// Nothing could be programmed; what was programmed before still is.
    ///
    /// # Cancellation
    /// Dropping the future leaves a mixture of both tables, which the next `apply` resolves.
    async fn apply(&self, table: Arc<RoutingTable>) -> Result<(), ProxyError>;

    /// What is programmed.
    fn status(&self) -> ProxyStatus;
}

/// Why a [`Proxy`] could not program anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The data path does not answer, or lacks a permission.
    #[error("data path unavailable")]
    Unavailable(#[source] crate::BoxError),
}

/// All services as one node routes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoutingTable {
    /// One route per service port.
    pub routes: BTreeMap<RouteName, Route>,
    /// The health checks for load balancers that send to nodes with endpoints only.
    pub health_checks: BTreeMap<ObjectKey, HealthCheck>,
}

/// A port of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteName {
    /// The service.
    pub service: ObjectKey,
    /// The name of the port; empty for the only one.
    pub port: String,
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port.is_empty() {
            return self.service.fmt(f);
        }
        write!(f, "{}:{}", self.service, self.port)
    }
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Connections.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
    /// Messages.
    Sctp,
}

impl Protocol {
    /// The protocol of that name; no name is TCP.
    pub fn parse(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("" | "TCP") => Some(Self::Tcp),
            Some("UDP") => Some(Self::Udp),
            Some("SCTP") => Some(Self::Sctp),
            Some(_) => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

/// Where the traffic of one service port comes in, and where it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The protocol.
    pub protocol: Protocol,
    /// The addresses inside the cluster; traffic there goes to [`internal`](Self::internal).
    pub cluster: Vec<SocketAddr>,
    /// External and load balancer addresses; traffic goes to [`external`](Self::external).
    pub outside: Vec<SocketAddr>,
    /// The port on the node's own addresses; traffic goes to [`external`](Self::external).
    pub node_port: Option<u16>,
    /// How long a client address keeps its endpoint; `None` for no affinity.
    pub affinity: Option<Duration>,
    /// Which endpoints internal traffic may go to.
    pub internal_policy: TrafficPolicy,
    /// Which endpoints external traffic may go to.
    pub external_policy: TrafficPolicy,
    /// All endpoints, in the order of their addresses.
    pub endpoints: Vec<Endpoint>,
    /// The endpoints that internal traffic goes to; where empty, it is refused.
    pub internal: Vec<SocketAddr>,
    /// The endpoints that external traffic goes to; where empty, it is refused.
    pub external: Vec<SocketAddr>,
}

/// Which endpoints may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrafficPolicy {
    /// Those of the whole cluster.
    #[default]
    Cluster,
    /// Those of the node only.
    Local,
}

/// A place where a service is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address and port.
    pub address: SocketAddr,
    /// Whether it takes new traffic: serving and not terminating, unless the service asks for
    /// addresses that are not ready.
    pub ready: bool,
    /// Whether it answers.
    pub serving: bool,
    /// Whether it is on its way out.
    pub terminating: bool,
    /// Whether it is on this node.
    pub local: bool,
    /// The zones that should use it; empty for all.
    pub zones: Vec<String>,
}

/// What a load balancer may ask a node about a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The port on which to answer.
    pub port: u16,
    /// How many endpoints on this node take traffic.
    pub local_endpoints: usize,
}

/// What a [`Proxy`] has programmed.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ProxyStatus {
    /// The table applied last; `None` before the first.
    pub table: Option<Arc<RoutingTable>>,
    /// The state of every place where traffic comes in.
    pub ports: BTreeMap<Frontend, PortState>,
}

impl ProxyStatus {
    /// The places that could not be programmed, with the reasons.
    pub fn failures(&self) -> impl Iterator<Item = (&Frontend, &str)> {
        self.ports.iter().filter_map(|(frontend, state)| match state {
            PortState::Programmed => None,
            PortState::Failed(reason) => Some((frontend, reason.as_str())),
        })
    }
}

/// A place where traffic comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frontend {
    /// The protocol.
    pub protocol: Protocol,
    /// The address and port; the unspecified address for all of the node's.
    pub address: SocketAddr,
}

impl fmt::Display for Frontend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.protocol, self.address)
    }
}

impl Route {
    /// Where the route's traffic comes in, each place with the endpoints it goes to; the node
    /// port on each of `node_addresses`.
    pub fn frontends<'a>(
        &'a self,
        node_addresses: &'a [IpAddr],
    ) -> impl Iterator<Item = (Frontend, &'a [SocketAddr])> {
        let protocol = self.protocol;
        let inside = self.cluster.iter().map(|address| (*address, &self.internal));
        let outside = self.outside.iter().map(|address| (*address, &self.external));
        let node = self.node_port.into_iter().flat_map(move |port| {
            node_addresses.iter().map(move |ip| (SocketAddr::new(*ip, port), &self.external))
        });
        inside
            .chain(outside)
            .chain(node)
            .map(move |(address, to)| (Frontend { protocol, address }, to.as_slice()))
    }
}

/// Whether a [`Frontend`] works.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortState {
    /// Traffic there goes where the table says.
    Programmed,
    /// It could not be programmed, for this reason.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Proxy) {}

    #[test]
    fn a_route_comes_in_at_every_address_of_its_service_and_node() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let route = Route {
            cluster: vec![address("127.96.0.1:80")],
            node_port: Some(30_000),
            internal: vec![address("127.64.0.1:8080")],
            ..Route::default()
        };
        let node = ["10.0.0.1".parse().unwrap()];
        let got: Vec<_> =
            route.frontends(&node).map(|(at, to)| (at.to_string(), to.len())).collect();
        assert_eq!(got, [("TCP 127.96.0.1:80".into(), 1), ("TCP 10.0.0.1:30000".into(), 0)]);
    }
}
