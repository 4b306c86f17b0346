//! Keeps a proxy up to date: informers feed the table, changes of the table are applied.
//!
//! The table is computed anew after changes, however many there were, and applied only if it
//! differs. Where a port failed, the same table is applied again after a while: what took the
//! port may be gone, and nobody tells.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use orchestrator_client::{Informer, Informers, Kind};
use orchestrator_core::Env;
use orchestrator_core::env::{Activity, Busy, Task};
use orchestrator_core::proxy::{Proxy, RoutingTable};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tracing::{debug, warn};

use crate::health::HealthChecks;
use crate::table::{NodeView, routing_table};

/// When ports that failed are tried again.
const RETRY: Duration = Duration::from_secs(30);

/// The label of nodes that names their zone.
const ZONE: &str = "topology.kubernetes.io/zone";

/// Feeds a proxy with the services of a cluster.
#[derive(Debug)]
#[must_use]
pub struct ProxyLoop {
    informers: Informers,
    proxy: Arc<dyn Proxy>,
    node: String,
}

/// A proxy that is kept up to date; dropping it ends that, but not the proxy.
#[derive(Debug)]
pub struct Running {
    _task: Task<()>,
    ready: watch::Receiver<bool>,
}

impl Running {
    /// Waits until the first table is applied.
    pub async fn ready(&self) {
        // An error means that the loop has ended; nobody should wait for it then.
        let _ = self.ready.clone().wait_for(|ready| *ready).await;
    }
}

impl ProxyLoop {
    /// Feeds `proxy` as the one of the node `node`, which need not exist.
    pub fn new(informers: Informers, proxy: Arc<dyn Proxy>, node: impl Into<String>) -> Self {
        Self { informers, proxy, node: node.into() }
    }

    /// Starts; the first table is applied once the informers are in sync.
    #[must_use = "the proxy is no longer fed when this is dropped"]
    pub fn start(self) -> Running {
        let env = self.informers.client().env().clone();
        let (sender, ready) = watch::channel(false);
        Running { _task: env.spawn("service proxy", self.run(env.clone(), sender)), ready }
    }

    async fn run(self, env: Env, ready: watch::Sender<bool>) {
        let services = self.informers.of::<Service>();
        let slices = self.informers.of::<EndpointSlice>();
        let nodes = self.informers.selected::<Node>(&format!("metadata.name={}", self.node));
        let news = Arc::new(News::default());
        news.follow(&services, env.activity());
        news.follow(&slices, env.activity());
        news.follow(&nodes, env.activity());
        services.synced().await;
        slices.synced().await;
        nodes.synced().await;
        let mut health = HealthChecks::new(env.clone());
        let mut applied = None;
        loop {
            let busy = news.take();
            let node = NodeView { name: self.node.clone(), zone: zone(&nodes) };
            let table = routing_table(&services.list(), &slices.list(), &node);
            if applied.as_deref() != Some(&table) {
                applied = self.apply(table).await;
                if let Some(table) = &applied {
                    health.set(&table.health_checks).await;
                }
            }
            drop(busy);
            if applied.is_some() {
                ready.send_replace(true);
            }
            let incomplete = applied.is_none() || self.proxy.status().failures().next().is_some();
            tokio::select! {
                biased;
                () = news.came() => {}
                () = env.sleep(RETRY), if incomplete => applied = None,
            }
        }
    }

    /// Applies `table`; returns it if that worked.
    async fn apply(&self, table: RoutingTable) -> Option<Arc<RoutingTable>> {
        let table = Arc::new(table);
        match self.proxy.apply(Arc::clone(&table)).await {
            Ok(()) => {
                debug!(routes = table.routes.len(), "routing table applied");
                Some(table)
            }
            Err(error) => {
                warn!(%error, "routing table not applied");
                None
            }
        }
    }
}

/// The zone of the only node that is followed.
fn zone(nodes: &Informer<Node>) -> String {
    let node = nodes.list().into_iter().next();
    node.and_then(|node| node.metadata.labels.as_ref()?.get(ZONE).cloned()).unwrap_or_default()
}

/// Whether anything has changed since the last look.
#[derive(Debug, Default)]
struct News {
    busy: Mutex<Option<Busy>>,
    came: Notify,
}

impl News {
    fn follow<K: Kind>(self: &Arc<Self>, informer: &Informer<K>, activity: &Activity) {
        let (news, activity) = (Arc::clone(self), activity.clone());
        informer.on_change(Arc::new(move |_| {
            news.busy.lock().get_or_insert_with(|| activity.begin());
            news.came.notify_one();
        }));
    }

    /// The work that the news mean; it lasts until this is dropped.
    fn take(&self) -> Option<Busy> {
        self.busy.lock().take()
    }

    async fn came(&self) {
        self.came.notified().await;
    }
}
