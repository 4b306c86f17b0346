//! The composition root: joins the parts, owns their tasks, and lets time pass.

mod access;
mod builder;
#[cfg(feature = "containerd")]
mod containers;
mod dial;
mod engine;
#[cfg(feature = "kube")]
mod kube;
mod networking;
mod nodes;
mod serve;
mod settle;
mod start;

pub use access::{Access, Kubeconfig};
pub use builder::{Builder, Part};
#[cfg(feature = "containerd")]
pub use containers::{ContainerNode, ContainerNodeSpec};
pub use networking::{Networking, ServiceProxy, dns_address};
pub use nodes::{NodeSpec, ProcessNode, SimulatedNode};
pub use serve::{ServeOptions, Serving};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_apiserver::ApiServer;
use orchestrator_apiserver::http::HttpService;
use orchestrator_apiserver::tls::{Pki, TlsError};
use orchestrator_client::{Client, Informers};
use orchestrator_controllers::RunningManager;
use orchestrator_core::env::Task;
use orchestrator_core::resource::Network;
use orchestrator_core::{BoxError, Env, Status, Store, UserInfo};
use orchestrator_store::{MemoryStore, Operator};

/// A running cluster; dropping it ends every task and process that it started.
#[derive(Debug)]
pub struct Cluster {
    // In the order in which they end: first those who act, last those who answer.
    nodes: nodes::RunningNodes,
    scheduler: Option<orchestrator_sched::Running>,
    controllers: Option<RunningManager>,
    informers: Informers,
    http: HttpService,
    api: Arc<ApiServer>,
    pki: Arc<Pki>,
    _compactor: Option<Task<()>>,
    store: Arc<dyn Store>,
    memory: Option<Arc<MemoryStore>>,
    operator: Option<Arc<dyn Operator>>,
    closing: engine::Closing,
    env: Env,
    network: Network,
    data_dir: Option<PathBuf>,
    /// Whose certificates clients may show besides the cluster's own, in PEM.
    client_authorities: String,
}

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store could not be opened.
    #[error("cannot open the store")]
    Store(#[source] BoxError),
    /// The objects that every cluster has could not be made.
    #[error("cannot make the objects that every cluster has")]
    Bootstrap(#[source] Status),
    /// Certificates or keys could not be made or read.
    #[error("cannot set up certificates")]
    Certificates(#[from] TlsError),
    /// A node could not be started.
    #[error("cannot start node {name}")]
    Node {
        /// The node.
        name: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// What says who is let in cannot be used.
    #[error("cannot set up who is let in")]
    Access(#[source] BoxError),
    /// The API could not be served.
    #[error("cannot serve on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Cluster {
    /// A builder.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A client in `system:masters` that calls the API directly.
    pub fn client(&self) -> Client {
        self.client_as(UserInfo::system("admin"))
    }

    /// A client that calls the API directly as `user`.
    pub fn client_as(&self, user: UserInfo) -> Client {
        Client::direct(Arc::clone(&self.api) as _, user, self.env.clone())
    }

    /// The informers that the cluster's own parts share.
    pub fn informers(&self) -> &Informers {
        &self.informers
    }

    /// The API server.
    pub fn api(&self) -> &Arc<ApiServer> {
        &self.api
    }

    /// The API over HTTP, as a tower service without a socket.
    pub fn http(&self) -> &HttpService {
        &self.http
    }

    /// The store underneath.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The store as an operator sees it: members, alarms, images. `None` for a store that was
    /// given as nothing but a [`Store`].
    pub fn operator(&self) -> Option<&Arc<dyn Operator>> {
        self.operator.as_ref()
    }

    /// Clock, randomness, tasks.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Returns when no watch event is undelivered, no reconcile is queued or running and no timer
    /// is due. In virtual time this moves the clock by some milliseconds.
    pub async fn settle(&self) {
        settle::settle(&self.env).await;
    }

    /// Lets `duration` pass, with everything that falls due in it, and settles; on tokio's paused
    /// clock this takes no longer than the work that there is.
    pub async fn advance(&self, duration: Duration) {
        settle::advance(&self.env, duration).await;
    }

    /// Returns when every part holds a consistent state and every node is registered.
    pub async fn ready(&self) {
        self.informers.synced().await;
        if let Some(scheduler) = &self.scheduler {
            scheduler.ready().await;
        }
        self.nodes.ready().await;
    }

    /// What each controller has done so far; empty where the cluster runs none.
    pub fn controller_metrics(&self) -> Vec<orchestrator_controllers::manager::Metrics> {
        self.controllers.as_ref().map(RunningManager::metrics).unwrap_or_default()
    }

    /// Stops the agent and the proxy of a node at once, as a crash would: the node falls silent,
    /// its pods stay in the API. Whether there was such a node.
    pub fn stop_node(&mut self, name: &str) -> bool {
        self.nodes.stop(name)
    }

    /// Ends everything in order: first the pods of nodes with real processes, each with its
    /// grace, then the parts, then the files of the store.
    pub async fn shutdown(mut self) {
        std::mem::take(&mut self.nodes).shutdown().await;
        let closing = std::mem::take(&mut self.closing);
        drop(self);
        closing.close().await;
    }

    /// A builder of a cluster that begins with a copy of all objects of this one, at no cost and
    /// independent from now on: for asking what would happen. `None` where the store is not the
    /// memory store.
    pub fn fork(&self) -> Option<Builder> {
        let memory = self.memory.as_ref()?;
        let env = self.env.clone();
        let copy = Arc::new(memory.fork(env.clone()));
        Some(Self::builder().env(env).network(self.network.clone()).memory_store(copy))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.informers.close();
    }
}
