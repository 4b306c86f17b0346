//! Keeps a node's way to other nodes up to date.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use orchestrator_client::Informers;
use orchestrator_core::env::{Busy, Task};
use orchestrator_core::{BoxError, Env};
use orchestrator_netlink::links::{KernelLinks, Link, LinkKind, Links, Route, Wiring};
use orchestrator_netlink::nft::{Batch, Change, Family, Kernel, NftError, Nftables, TableId};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tracing::{debug, warn};

use super::NodeNetwork;
use super::fabric::{Fabric, HostGateway};
use super::masquerade::{TABLE, masquerade};

/// When the kernel is told again what it did not take.
const RETRY: Duration = Duration::from_secs(10);

/// The link with the addresses that are on every node.
const SHARED: &str = "orch-services";

/// What a node's network depends on beside the nodes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PodNetworkConfig {
    /// The node.
    pub node: String,
    /// The addresses of all pods.
    pub pods: Vec<IpNet>,
    /// The addresses of services: the node itself needs a way there.
    pub services: Vec<IpNet>,
    /// Addresses that every node has for itself, such as that of the cluster's DNS.
    pub shared: Vec<IpAddr>,
    /// How nodes reach each other.
    pub fabric: Arc<dyn Fabric>,
}

impl PodNetworkConfig {
    /// The network of `node`, with routes by way of the other nodes.
    pub fn new(node: impl Into<String>, pods: Vec<IpNet>, services: Vec<IpNet>) -> Self {
        let fabric = Arc::new(HostGateway);
        Self { node: node.into(), pods, services, shared: Vec::new(), fabric }
    }

    /// Gives the node these addresses, which all other nodes have too.
    #[must_use]
    pub fn shared(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.shared = addresses.into_iter().collect();
        self
    }

    /// Reaches other nodes this way.
    #[must_use]
    pub fn fabric(mut self, fabric: impl Fabric) -> Self {
        self.fabric = Arc::new(fabric);
        self
    }
}

/// Why a node cannot be joined to others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PodNetworkError {
    /// The kernel's links cannot be changed.
    #[error("links unavailable")]
    Links(#[source] BoxError),
    /// The kernel's packet rules cannot be changed.
    #[error(transparent)]
    Rules(#[from] NftError),
    /// The kernel does not pass packets on.
    #[error("packets are not passed on")]
    Forwarding(#[source] std::io::Error),
}

/// A node that is joined to others; dropping it ends that, but what the kernel was told stays.
#[derive(Debug)]
pub struct PodNetwork {
    links: Arc<dyn Links>,
    rules: Arc<dyn Nftables>,
    ready: watch::Receiver<bool>,
    _task: Task<()>,
}

impl PodNetwork {
    /// Joins a node, in the network namespace of the caller's thread, to those that `informers`
    /// see; needs `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// The kernel cannot be told; see [`PodNetworkError`].
    pub async fn start(
        informers: Informers,
        config: PodNetworkConfig,
    ) -> Result<Self, PodNetworkError> {
        let links: Arc<dyn Links> = Arc::new(KernelLinks::open().map_err(PodNetworkError::Links)?);
        let rules: Arc<dyn Nftables> = Arc::new(Kernel::open()?);
        forward().map_err(PodNetworkError::Forwarding)?;
        // The shared addresses are there when this returns, so that servers can take them.
        let shared = Wiring { links: shared(&config), routes: Default::default() };
        links.set(&shared).await.map_err(PodNetworkError::Links)?;
        let env = informers.client().env().clone();
        let (sender, ready) = watch::channel(false);
        let (to_links, to_rules) = (Arc::clone(&links), Arc::clone(&rules));
        let task = env.spawn("pod network", {
            let env = env.clone();
            async move { run(&env, &informers, &config, &*to_links, &*to_rules, sender).await }
        });
        Ok(Self { links, rules, ready, _task: task })
    }

    /// Waits until the node reaches those that are there.
    pub async fn ready(&self) {
        // An error means that the loop has ended; nobody should wait for it then.
        let _ = self.ready.clone().wait_for(|ready| *ready).await;
    }

    /// Takes the node out again: all that the kernel was told is taken back.
    ///
    /// # Errors
    /// The kernel refuses; some of it may be left.
    pub async fn remove(self) -> Result<(), PodNetworkError> {
        let Self { links, rules, _task: task, .. } = self;
        drop(task);
        links.set(&Wiring::default()).await.map_err(PodNetworkError::Links)?;
        for link in [SHARED, "orch-overlay"] {
            links.remove(link).await.map_err(PodNetworkError::Links)?;
        }
        let mut batch = Batch::new();
        for family in Family::ALL {
            batch.extend(&table(family), [Change::Remove]);
        }
        Ok(rules.commit(batch).await?)
    }
}

async fn run(
    env: &Env,
    informers: &Informers,
    config: &PodNetworkConfig,
    links: &dyn Links,
    rules: &dyn Nftables,
    ready: watch::Sender<bool>,
) {
    let nodes = informers.of::<Node>();
    let (came, busy) = (Arc::new(Notify::new()), Arc::new(Mutex::new(None::<Busy>)));
    nodes.on_change({
        let (came, busy, activity) = (came.clone(), busy.clone(), env.activity().clone());
        Arc::new(move |_| {
            busy.lock().get_or_insert_with(|| activity.begin());
            came.notify_one();
        })
    });
    nodes.synced().await;
    let mut told = None;
    loop {
        let working = busy.lock().take();
        let seen: Vec<_> = nodes.list().iter().map(|node| NodeNetwork::of(node)).collect();
        if told.as_ref() != Some(&seen) {
            told = match tell(config, &seen, links, rules).await {
                Ok(()) => {
                    debug!(nodes = seen.len(), "pod network follows the nodes");
                    ready.send_replace(true);
                    Some(seen)
                }
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "pod network incomplete");
                    None
                }
            };
        }
        drop(working);
        tokio::select! {
            biased;
            () = came.notified() => {}
            () = env.sleep(RETRY), if told.is_none() => {}
        }
    }
}

async fn tell(
    config: &PodNetworkConfig,
    nodes: &[NodeNetwork],
    links: &dyn Links,
    rules: &dyn Nftables,
) -> Result<(), PodNetworkError> {
    let Some(own) = nodes.iter().find(|node| node.name == config.node) else { return Ok(()) };
    let others: Vec<_> = nodes.iter().filter(|node| *node != own).cloned().collect();
    let mut wiring = config.fabric.wiring(own, &others);
    wiring.links.extend(shared(config));
    wiring.routes.extend(config.services.iter().map(|to| {
        // What comes from a loopback address would not leave the node.
        let from = own.address_like(to.addr()).filter(|ip| !ip.is_loopback());
        Route { to: *to, via: None, link: Some(SHARED.into()), from }
    }));
    links.set(&wiring).await.map_err(PodNetworkError::Links)?;
    let mut batch = Batch::new();
    for family in Family::ALL {
        batch.replace(&table(family), &masquerade(family, &own.pods, &config.pods));
    }
    Ok(rules.commit(batch).await?)
}

fn shared(config: &PodNetworkConfig) -> Vec<Link> {
    let addresses = config.shared.iter().map(|ip| IpNet::from(*ip)).collect();
    vec![Link { name: SHARED.into(), addresses, kind: LinkKind::Alone }]
}

fn table(family: Family) -> TableId {
    TableId { family, name: TABLE.into() }
}

/// Lets the kernel pass packets on.
fn forward() -> std::io::Result<()> {
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    // A kernel without IPv6 has nothing to pass on.
    let _ = std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
    Ok(())
}
