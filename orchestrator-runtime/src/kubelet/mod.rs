//! The node's HTTPS face: what an API server in another process asks of the agent.
//!
//! | path | answer |
//! |---|---|
//! | `GET /containerLogs/{namespace}/{pod}/{container}` | the log, as it grows with `follow` |
//! | `/exec/{namespace}/{pod}/{container}`, `/attach/...` | a session, after an upgrade |
//! | `/portForward/{namespace}/{pod}` | the pod's ports, after an upgrade |
//! | `GET /pods` | the node's pods |
//! | `GET /healthz` | `ok` |
//!
//! Paths and queries are those of the kubelet, so any API server can ask. Callers show a client
//! certificate of the cluster's authority, and only the API server's own user and members of
//! `system:masters` are let in. The node's certificate is one that it has signed itself unless it
//! is given another: as upstream, an API server by default takes the node's word for who it is.
//! Failures are `Status` objects.
//!
//! [`Kubelet::bind`] comes before the agent starts, because the node tells its port when it
//! registers; [`Kubelet::serve`] once there is an agent.

mod access;
mod answer;
mod query;
mod route;
mod service;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::Informer;
use orchestrator_core::Env;
use orchestrator_core::node::NodeApi;
use orchestrator_wire::listener::{self, Serving};
use tokio::net::TcpListener;

use service::Service;

/// Reads bytes as the path and query of a request: a fuzz target.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_request(bytes: &[u8]) {
    let target = String::from_utf8_lossy(bytes);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query::Query::parse(query);
    let _ = (route::Route::parse(path), query.log("c"), query.command("c"), query.ports());
}

/// Where and how a node serves.
#[derive(Clone)]
#[non_exhaustive]
pub struct KubeletConfig {
    /// The address; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The authority of callers' certificates, in PEM form.
    pub client_ca: Vec<u8>,
    /// The node's certificates and its key, in PEM form; without them it signs one itself.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for KubeletConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeletConfig").field("bind", &self.bind).finish_non_exhaustive()
    }
}

impl KubeletConfig {
    /// Serves on `bind` those whom `client_ca` vouches for.
    pub fn new(bind: SocketAddr, client_ca: impl Into<Vec<u8>>) -> Self {
        Self { bind, client_ca: client_ca.into(), identity: None }
    }

    /// Serves with this certificate and key.
    #[must_use]
    pub fn identity(mut self, certificate: Vec<u8>, key: Vec<u8>) -> Self {
        self.identity = Some((certificate, key));
        self
    }
}

/// Why a node's face could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeletError {
    /// The address cannot be listened on.
    #[error("cannot serve the node on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A certificate, a key or an authority cannot be used.
    #[error("cannot use the {what} of the node")]
    Certificate {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: orchestrator_core::BoxError,
    },
}

/// A face that listens and does not answer yet.
#[derive(Debug)]
pub struct Kubelet {
    socket: TcpListener,
    tls: rustls::ServerConfig,
    address: SocketAddr,
}

impl Kubelet {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken or not of this host, or a certificate cannot be used.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn bind(config: &KubeletConfig, node: &str) -> Result<Self, KubeletError> {
        let tls = tls::config(config, node)?;
        let listen = || {
            let socket = std::net::TcpListener::bind(config.bind)?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            Ok((TcpListener::from_std(socket)?, address))
        };
        let failed = |source| KubeletError::Listen { address: config.bind, source };
        let (socket, address) = listen().map_err(failed)?;
        Ok(Self { socket, tls, address })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers for the agent of `node`, whose pods are among `pods`.
    ///
    /// # Errors
    /// The socket has gone.
    pub fn serve(
        self,
        env: &Env,
        node: &str,
        api: Arc<dyn NodeApi>,
        pods: Informer<Pod>,
    ) -> Result<Serving, KubeletError> {
        let Self { socket, tls, address } = self;
        let service = Service::new(env, node, api, pods);
        let serving = listener::serve_on(service, tls, socket);
        serving.map_err(|source| KubeletError::Listen { address, source })
    }
}
