//! Services as packet rules of the kernel.
//!
//! ```text
//! RoutingTable ─▶ elements, route by route ─▶ Ledger (who wants what) ─▶ one Batch ─▶ Nftables
//! ```
//!
//! Everything that a table says is an element of a few maps (`layout`), looked up by hash: what a
//! packet costs does not depend on how many services there are, and neither does what a change
//! costs the kernel. A service's address leads to a chain for its number of endpoints
//! (`picker`), which draws a number and asks another map for that endpoint. The
//! first table replaces whatever a predecessor left in one transaction, so packets find rules all
//! the time; those after it are differences.

mod datagrams;
mod elements;
mod layout;
mod ledger;
mod picker;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;
use orchestrator_core::proxy::{
    Frontend, PortState, Proxy, ProxyError, ProxyStatus, Route, RouteName, RoutingTable,
};
use orchestrator_netlink::conntrack::{Connections, Flow, KernelConnections};
use orchestrator_netlink::nft::{Batch, Change, Family, Kernel, NftError, Nftables, TableId};
use parking_lot::RwLock;
use tokio::sync::Mutex;
use tracing::{debug, info, warn};

use elements::{Element, Leads, elements_of};
use ledger::Ledger;
use picker::Picker;

pub use layout::TABLE;

/// What a node's rules depend on beside the routing table.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NftablesConfig {
    /// The addresses of all pods. Traffic to services from elsewhere leaves with this node's
    /// address, so that the answer comes back the same way.
    pub pods: Vec<IpNet>,
    /// Addresses of services that this node serves itself, such as that of the cluster's DNS;
    /// traffic there is left alone.
    pub served_here: BTreeSet<IpAddr>,
}

impl NftablesConfig {
    /// Pods have addresses of these networks.
    #[must_use]
    pub fn pods(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.pods = networks.into_iter().collect();
        self
    }

    /// Leaves traffic to these addresses alone.
    #[must_use]
    pub fn served_here(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.served_here = addresses.into_iter().collect();
        self
    }
}

/// A proxy made of packet rules. They stay when it is dropped, so that traffic goes on until its
/// successor comes; [`remove`](Self::remove) takes them away.
#[derive(Debug)]
pub struct NftablesProxy {
    rules: Arc<dyn Nftables>,
    connections: Arc<dyn Connections>,
    config: NftablesConfig,
    state: Mutex<State>,
    applied: RwLock<Option<Arc<RoutingTable>>>,
}

#[derive(Debug, Default)]
struct State {
    /// The table that the rules carry; `None` where they must be made anew.
    programmed: Option<Arc<RoutingTable>>,
    ledger: Ledger,
    pickers: BTreeMap<(Family, Picker), usize>,
}

impl NftablesProxy {
    /// A proxy for the network namespace of the caller's thread; needs `CAP_NET_ADMIN` there.
    ///
    /// # Errors
    /// The kernel has no nftables or no connection tracking, or this process may not.
    pub fn open(config: NftablesConfig) -> Result<Self, ProxyError> {
        let rules = Kernel::open().map_err(unavailable)?;
        let connections = KernelConnections::open().map_err(ProxyError::Unavailable)?;
        Ok(Self::new(Arc::new(rules), Arc::new(connections), config))
    }

    /// A proxy with rules elsewhere.
    pub fn new(
        rules: Arc<dyn Nftables>,
        connections: Arc<dyn Connections>,
        config: NftablesConfig,
    ) -> Self {
        Self { rules, connections, config, state: Mutex::default(), applied: RwLock::default() }
    }

    /// Removes all rules.
    ///
    /// # Errors
    /// The kernel cannot be asked; the rules are still there.
    pub async fn remove(&self) -> Result<(), ProxyError> {
        let mut state = self.state.lock().await;
        let mut batch = Batch::new();
        for family in Family::ALL {
            batch.extend(&table_of(family), [Change::Remove]);
        }
        self.rules.commit(batch).await.map_err(unavailable)?;
        *state = State::default();
        *self.applied.write() = None;
        Ok(())
    }

    async fn program(
        &self,
        state: &mut State,
        table: &Arc<RoutingTable>,
    ) -> Result<(), ProxyError> {
        let before = state.programmed.take();
        let empty = RoutingTable::default();
        let changed = changed_routes(before.as_deref().unwrap_or(&empty), table);
        let batch = match &before {
            Some(_) => state.change(&changed, &self.config),
            None => state.start(table, &self.config),
        };
        if let Err(error) = self.rules.commit(batch).await {
            if before.is_none() {
                return Err(unavailable(error));
            }
            // Somebody else changed our tables. They are ours, so they are made anew.
            warn!(%error, "packet rules are not as expected, replacing them");
            let batch = state.start(table, &self.config);
            self.rules.commit(batch).await.map_err(unavailable)?;
        }
        state.programmed = Some(Arc::clone(table));
        if datagrams::concerned(&changed) {
            self.forget(table).await;
        }
        Ok(())
    }

    /// Makes the kernel forget datagrams that go where the table does not lead any more.
    async fn forget(&self, table: &RoutingTable) {
        let destinations = datagrams::Destinations::of(table);
        let keep = |flow: &Flow| destinations.keep(flow);
        match self.connections.retain(datagrams::PROTOCOL, &keep).await {
            Ok(0) => {}
            Ok(forgotten) => debug!(forgotten, "stale datagram connections forgotten"),
            Err(error) => warn!(%error, "stale datagram connections may go on"),
        }
    }
}

impl State {
    /// All rules from nothing.
    fn start(&mut self, table: &RoutingTable, config: &NftablesConfig) -> Batch {
        *self = Self::default();
        let mut batch = Batch::new();
        for family in Family::ALL {
            batch.replace(&table_of(family), &layout::layout(family, config));
        }
        let empty = RoutingTable::default();
        let changes = self.change(&changed_routes(&empty, table), config);
        batch.changes.extend(changes.changes);
        info!(routes = table.routes.len(), "services programmed anew");
        batch
    }

    /// The difference that changed routes make.
    fn change(&mut self, changed: &[ChangedRoute<'_>], config: &NftablesConfig) -> Batch {
        for (name, old, new) in changed {
            let of = |route: &Option<&Route>| {
                route.map(|route| elements_of(name, route, config)).unwrap_or_default()
            };
            self.ledger.change(name, &of(old), &of(new));
        }
        self.batch()
    }

    /// What the ledger's changes mean for the rules: chains come before the elements that name
    /// them, and go after them.
    fn batch(&mut self) -> Batch {
        let ledger::Changes { removed, added } = self.ledger.take();
        let mut users: BTreeMap<(Family, Picker), (usize, usize)> = BTreeMap::new();
        for at in removed.iter().filter_map(picker_of) {
            users.entry(at).or_default().0 += 1;
        }
        for at in added.iter().filter_map(picker_of) {
            users.entry(at).or_default().1 += 1;
        }
        let (mut first, mut last) = (Batch::new(), Batch::new());
        for ((family, picker), (fewer, more)) in users {
            let id = table_of(family);
            let count = self.pickers.entry((family, picker)).or_insert(0);
            let before = std::mem::replace(count, *count + more - fewer);
            if before == 0 {
                let rules = picker.rules(family);
                first.extend(
                    &id,
                    [
                        Change::AddChain(picker.chain(), None),
                        Change::SetRules(picker.chain(), rules),
                    ],
                );
            }
            if *count == 0 {
                self.pickers.remove(&(family, picker));
                last.extend(
                    &id,
                    [
                        Change::SetRules(picker.chain(), Vec::new()),
                        Change::RemoveChain(picker.chain()),
                    ],
                );
            }
        }
        first.changes.extend(grouped(&removed, |set, elements| {
            Change::RemoveElements(set, elements.map(|(element, _)| element.key()).collect())
        }));
        first.changes.extend(grouped(&added, |set, elements| {
            Change::AddElements(
                set,
                elements.map(|(element, to)| (element.key(), to.data())).collect(),
            )
        }));
        first.changes.extend(last.changes);
        first
    }
}

#[async_trait]
impl Proxy for NftablesProxy {
    async fn apply(&self, table: Arc<RoutingTable>) -> Result<(), ProxyError> {
        let mut state = self.state.lock().await;
        // The same table again makes no change, so nobody is told.
        self.program(&mut state, &table).await?;
        *self.applied.write() = Some(table);
        Ok(())
    }

    fn status(&self) -> ProxyStatus {
        let mut status = ProxyStatus::default();
        status.table = self.applied.read().clone();
        let nodes = Family::ALL.map(unspecified);
        for route in status.table.iter().flat_map(|table| table.routes.values()) {
            let at = route.frontends(&nodes).map(|(frontend, _)| frontend);
            let used = at.filter(|frontend| serves(route, frontend));
            status.ports.extend(used.map(|frontend| (frontend, PortState::Programmed)));
        }
        status
    }
}

/// Whether a frontend means something: a node port only in the families of the service.
fn serves(route: &Route, frontend: &Frontend) -> bool {
    let family = Family::of(frontend.address.ip());
    !frontend.address.ip().is_unspecified() || has_family(route, family)
}

/// Whether the service has an address of this family.
fn has_family(route: &Route, family: Family) -> bool {
    route.cluster.iter().any(|address| Family::of(address.ip()) == family)
}

/// All addresses of the node.
fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::Ip4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::Ip6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn table_of(family: Family) -> TableId {
    TableId { family, name: TABLE.into() }
}

fn picker_of((element, to): &(Element, Leads)) -> Option<(Family, Picker)> {
    match to {
        Leads::Pick(picker) => Some((element.family(), *picker)),
        _ => None,
    }
}

/// One change for each run of elements of one set.
fn grouped<'a>(
    elements: &'a [(Element, Leads)],
    change: impl Fn(String, std::slice::Iter<'a, (Element, Leads)>) -> Change,
) -> Vec<(TableId, Change)> {
    let place = |element: &Element| (element.family(), element.set());
    let runs = elements.chunk_by(|(a, _), (b, _)| place(a) == place(b));
    let change = |run: &'a [(Element, Leads)]| {
        let (family, set) = place(&run[0].0);
        (table_of(family), change(set.to_owned(), run.iter()))
    };
    runs.map(change).collect()
}

/// A route that differs, before and after.
type ChangedRoute<'a> = (&'a RouteName, Option<&'a Route>, Option<&'a Route>);

/// The routes that differ.
fn changed_routes<'a>(before: &'a RoutingTable, after: &'a RoutingTable) -> Vec<ChangedRoute<'a>> {
    let (mut old, mut new) = (before.routes.iter().peekable(), after.routes.iter().peekable());
    let mut changed = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return changed,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let gone = if order.is_le() { old.next() } else { None };
        let come = if order.is_ge() { new.next() } else { None };
        let (was, is) = (gone.map(|(_, route)| route), come.map(|(_, route)| route));
        if let Some((name, _)) = come.or(gone)
            && was != is
        {
            changed.push((name, was, is));
        }
    }
}

fn unavailable(error: NftError) -> ProxyError {
    ProxyError::Unavailable(Box::new(error))
}

#[cfg(test)]
mod tests;
