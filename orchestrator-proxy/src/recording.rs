//! A proxy that carries nothing and remembers everything, for tests and simulated clusters.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::proxy::{PortState, Proxy, ProxyError, ProxyStatus, RoutingTable};
use parking_lot::Mutex;

/// How many tables are remembered; the oldest are forgotten.
const REMEMBERED: usize = 1024;

/// Reports every table as programmed.
#[derive(Debug, Default)]
pub struct RecordingProxy {
    tables: Mutex<Vec<Arc<RoutingTable>>>,
}

impl RecordingProxy {
    /// A proxy that was given no table yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tables that were applied, the newest last.
    pub fn tables(&self) -> Vec<Arc<RoutingTable>> {
        self.tables.lock().clone()
    }
}

#[async_trait]
impl Proxy for RecordingProxy {
    async fn apply(&self, table: Arc<RoutingTable>) -> Result<(), ProxyError> {
        let mut tables = self.tables.lock();
        if tables.len() == REMEMBERED {
            tables.remove(0);
        }
        tables.push(table);
        Ok(())
    }

    fn status(&self) -> ProxyStatus {
        let table = self.tables.lock().last().cloned();
        let mut status = ProxyStatus::default();
        let nodes = [IpAddr::from(Ipv4Addr::UNSPECIFIED)];
        for route in table.iter().flat_map(|table| table.routes.values()) {
            let frontends = route.frontends(&nodes).map(|(at, _)| (at, PortState::Programmed));
            status.ports.extend(frontends);
        }
        status.table = table;
        status
    }
}
