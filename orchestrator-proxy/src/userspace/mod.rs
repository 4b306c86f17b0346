//! Services without root: a socket for every frontend, a task for every connection.
//!
//! Each service address and port is bound as it is, which works wherever the addresses are local
//! to the host: the cluster's ranges lie in 127.0.0.0/8, all of which is. A frontend without
//! endpoints has no socket, so that the kernel refuses its traffic.

mod balancer;
mod listener;
mod tcp;
mod udp;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::Env;
use orchestrator_core::env::Tasks;
use orchestrator_core::proxy::{
    Frontend, PortState, Proxy, ProxyError, ProxyStatus, RouteName, RoutingTable,
};
use parking_lot::RwLock;
use tokio::sync::{Mutex, Semaphore};
use tracing::{info, warn};

use balancer::Balancer;
use listener::{Listener, Shared};

/// How many TCP connections the proxy carries at a time unless told otherwise; each has two
/// sockets and 32 KiB.
const MAX_CONNECTIONS: usize = 4096;

/// Where the proxy listens beside the services' own addresses.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UserspaceConfig {
    /// The addresses of the node on which node ports are served.
    pub node_addresses: Vec<IpAddr>,
    /// How many TCP connections may be open at a time, over all services.
    pub max_connections: usize,
}

impl Default for UserspaceConfig {
    fn default() -> Self {
        let node_addresses = vec![Ipv4Addr::UNSPECIFIED.into()];
        Self { node_addresses, max_connections: MAX_CONNECTIONS }
    }
}

impl UserspaceConfig {
    /// Serves node ports on these addresses only.
    #[must_use]
    pub fn node_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.node_addresses = addresses.into_iter().collect();
        self
    }

    /// Carries at most so many TCP connections at a time; further ones wait.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }
}

/// A proxy made of sockets; dropping it ends all of its connections.
#[derive(Debug)]
pub struct UserspaceProxy {
    env: Env,
    config: UserspaceConfig,
    limit: Arc<Semaphore>,
    state: Mutex<State>,
    status: RwLock<ProxyStatus>,
}

#[derive(Debug, Default)]
struct State {
    listeners: BTreeMap<Frontend, Listener>,
    balancers: BTreeMap<BalancerKey, Arc<Balancer>>,
    /// Closed frontends with connections that go on.
    draining: Tasks,
}

/// Who shares out traffic: a route has two where traffic from outside goes to other endpoints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct BalancerKey {
    route: RouteName,
    apart: bool,
}

impl UserspaceProxy {
    /// A proxy without routes.
    pub fn new(env: Env, config: UserspaceConfig) -> Self {
        Self {
            limit: Arc::new(Semaphore::new(config.max_connections)),
            env,
            config,
            state: Mutex::default(),
            status: RwLock::default(),
        }
    }
}

/// The addresses at which the proxy itself serves.
///
/// An endpoint among them would send traffic round in circles, until no socket is left.
struct OwnAddresses(BTreeSet<SocketAddr>);

impl OwnAddresses {
    fn of(table: &RoutingTable, node_addresses: &[IpAddr]) -> Self {
        let frontends = table.routes.values().flat_map(|route| route.frontends(node_addresses));
        Self(frontends.map(|(frontend, _)| frontend.address).collect())
    }

    /// The endpoints that are elsewhere.
    fn left_out_of(&self, endpoints: &[SocketAddr]) -> Vec<SocketAddr> {
        let any = |endpoint: &SocketAddr| match endpoint.is_ipv4() {
            true => SocketAddr::from((Ipv4Addr::UNSPECIFIED, endpoint.port())),
            false => SocketAddr::from((Ipv6Addr::UNSPECIFIED, endpoint.port())),
        };
        let is_own =
            |endpoint: &SocketAddr| self.0.contains(endpoint) || self.0.contains(&any(endpoint));
        endpoints.iter().copied().filter(|endpoint| !is_own(endpoint)).collect()
    }
}

impl State {
    /// Brings the balancers up to date and says which frontends there shall be.
    ///
    /// Where two routes want one frontend, the first by name has it.
    fn plan(
        &mut self,
        env: &Env,
        table: &RoutingTable,
        node_addresses: &[IpAddr],
    ) -> BTreeMap<Frontend, Option<Arc<Balancer>>> {
        let mut before = std::mem::take(&mut self.balancers);
        let mut wanted = BTreeMap::new();
        let own = OwnAddresses::of(table, node_addresses);
        for (name, route) in &table.routes {
            for (frontend, endpoints) in route.frontends(node_addresses) {
                let Entry::Vacant(place) = wanted.entry(frontend) else {
                    warn!(route = %name, %frontend, "another service has this address");
                    continue;
                };
                let key = BalancerKey { route: name.clone(), apart: endpoints != route.internal };
                let balancer = self.balancers.entry(key).or_insert_with_key(|key| {
                    let known = before.remove(key);
                    let balancer = known.unwrap_or_else(|| Arc::new(Balancer::new(env.clone())));
                    balancer.set(&own.left_out_of(endpoints), route.affinity);
                    balancer
                });
                place.insert((!balancer.is_empty()).then(|| Arc::clone(balancer)));
            }
        }
        wanted
    }

    /// Closes the listeners that have nothing to do.
    async fn close(&mut self, wanted: &BTreeMap<Frontend, Option<Arc<Balancer>>>) {
        let idle = |frontend: &&Frontend| !matches!(wanted.get(frontend), Some(Some(_)));
        let idle: Vec<_> = self.listeners.keys().filter(idle).copied().collect();
        for frontend in idle {
            if let Some(listener) = self.listeners.remove(&frontend) {
                self.draining.push(listener.close().await);
                info!(%frontend, "service closed");
            }
        }
    }

    /// Opens the listener of a frontend, or gives the one that is there its balancer.
    async fn open(
        &mut self,
        frontend: Frontend,
        balancer: &Arc<Balancer>,
        shared: impl FnOnce(Arc<Balancer>) -> Shared,
    ) -> PortState {
        if let Some(listener) = self.listeners.get(&frontend) {
            listener.set_balancer(balancer);
            return PortState::Programmed;
        }
        match Listener::open(frontend, shared(Arc::clone(balancer))).await {
            Ok(listener) => {
                self.listeners.insert(frontend, listener);
                info!(%frontend, "service opened");
                PortState::Programmed
            }
            Err(reason) => {
                warn!(%frontend, reason, "service cannot be opened");
                PortState::Failed(reason)
            }
        }
    }
}

#[async_trait]
impl Proxy for UserspaceProxy {
    async fn apply(&self, table: Arc<RoutingTable>) -> Result<(), ProxyError> {
        let mut state = self.state.lock().await;
        let wanted = state.plan(&self.env, &table, &self.config.node_addresses);
        state.close(&wanted).await;
        let mut ports = BTreeMap::new();
        for (frontend, balancer) in wanted {
            let shared = |balancer| Shared::new(self.env.clone(), self.limit.clone(), balancer);
            let port = match &balancer {
                Some(balancer) => state.open(frontend, balancer, shared).await,
                // Without a socket the kernel refuses, as it shall.
                None => PortState::Programmed,
            };
            ports.insert(frontend, port);
        }
        let mut status = self.status.write();
        (status.table, status.ports) = (Some(table), ports);
        Ok(())
    }

    fn status(&self) -> ProxyStatus {
        self.status.read().clone()
    }
}
