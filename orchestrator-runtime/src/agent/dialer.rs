//! The nodes of this process by name: how an API server in the same process reaches them.

use std::sync::Arc;

use async_trait::async_trait;
use dashmap::DashMap;
use k8s_openapi::api::core::v1::Node;
use orchestrator_core::Status;
use orchestrator_core::node::{NodeApi, NodeDialer};

/// The nodes of this process by name.
#[derive(Debug, Default)]
pub struct NodeTable {
    nodes: DashMap<String, Arc<dyn NodeApi>>,
}

impl NodeTable {
    /// Adds a node, in place of one of the same name.
    pub fn insert(&self, name: impl Into<String>, node: Arc<dyn NodeApi>) {
        self.nodes.insert(name.into(), node);
    }

    /// The node of this name.
    pub fn get(&self, name: &str) -> Option<Arc<dyn NodeApi>> {
        self.nodes.get(name).map(|node| Arc::clone(&node))
    }

    /// Removes a node.
    pub fn remove(&self, name: &str) {
        self.nodes.remove(name);
    }
}

#[async_trait]
impl NodeDialer for NodeTable {
    async fn dial(&self, node: &Node) -> Result<Arc<dyn NodeApi>, Status> {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        self.get(name)
            .ok_or_else(|| Status::unavailable(format!("node {name:?} cannot be reached")))
    }
}
