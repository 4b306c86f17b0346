//! The API behind a socket, for `kubectl` and everybody else.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Cluster, StartError};

/// Where to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The address; port 0 takes a free one.
    pub bind: SocketAddr,
}

/// A served API; dropping it closes the socket and the connections.
#[derive(Debug)]
pub struct Serving {
    listener: orchestrator_apiserver::http::Serving,
    url: String,
    kubeconfig: Option<PathBuf>,
}

impl Serving {
    /// The address, as in `https://127.0.0.1:6443`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The administrator's kubeconfig, where the cluster has a data directory.
    pub fn kubeconfig(&self) -> Option<&PathBuf> {
        self.kubeconfig.as_ref()
    }

    /// Takes no more connections, and waits until the requests under way are answered.
    pub async fn shutdown(self) {
        self.listener.shutdown().await;
    }
}

impl Cluster {
    /// Serves the API over HTTPS and, where the cluster has a data directory, writes `ca.crt`,
    /// `admin.kubeconfig` and `admin.token` there.
    ///
    /// # Errors
    /// [`StartError::Listen`]: the address is taken or not of this host.
    pub async fn serve(&self, options: ServeOptions) -> Result<Serving, StartError> {
        let _ = options;
        unreachable!()
    }
}
