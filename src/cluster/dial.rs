//! Reaching nodes: those of this process by a table, all others by the network.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Node;
use orchestrator_apiserver::kubelet::{CLIENT_NAME, KubeletDialer};
use orchestrator_apiserver::tls::{Pki, TlsError};
use orchestrator_core::node::{Connection, NodeApi, NodeDialer};
use orchestrator_core::{Env, Status, UserInfo};
use orchestrator_runtime::agent::NodeTable;
use parking_lot::Mutex;

/// Reaches the nodes of this process and of others.
pub(super) struct Dialer {
    table: Arc<NodeTable>,
    pki: Arc<Pki>,
    /// The authority of nodes' own certificates, where they are to be verified.
    authority: Option<String>,
    env: Env,
    /// Made when the first node of another process is asked: most clusters have none.
    remote: Mutex<Option<KubeletDialer>>,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("table", &self.table).finish_non_exhaustive()
    }
}

impl Dialer {
    pub(super) fn new(
        table: Arc<NodeTable>,
        pki: Arc<Pki>,
        authority: Option<String>,
        env: Env,
    ) -> Self {
        Self { table, pki, authority, env, remote: Mutex::default() }
    }

    fn remote(&self) -> Result<KubeletDialer, TlsError> {
        let mut remote = self.remote.lock();
        if let Some(dialer) = &*remote {
            return Ok(dialer.clone());
        }
        let identity = self.pki.client(CLIENT_NAME, UserInfo::MASTERS)?;
        let dialer = match &self.authority {
            Some(authority) => KubeletDialer::verifying(&identity, authority, &self.env)?,
            None => KubeletDialer::new(&identity, &self.env)?,
        };
        Ok(remote.insert(dialer).clone())
    }
}

#[async_trait]
impl NodeDialer for Dialer {
    async fn dial(&self, node: &Node) -> Result<Arc<dyn NodeApi>, Status> {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        match self.table.get(name) {
            Some(local) => Ok(local),
            None => self.remote().map_err(Status::internal)?.dial(node).await,
        }
    }

    async fn connect(&self, node: &Node) -> Result<(Box<dyn Connection>, String), Status> {
        self.remote().map_err(Status::internal)?.connect(node).await
    }
}
