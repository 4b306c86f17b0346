//! The face on a socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use orchestrator_core::Env;
use orchestrator_core::env::Task;
use orchestrator_store::face::{EtcdServer, Options};
use orchestrator_store::{MemoryStore, Operator};
use tokio::net::TcpListener;

use super::clients::Clients;

/// A face that is being served; it ends with this.
pub struct Served {
    pub address: SocketAddr,
    _server: Task<()>,
}

impl Served {
    /// Serves an empty store in memory.
    pub async fn memory(env: &Env) -> Self {
        let store = Arc::new(MemoryStore::new(env.clone()));
        Self::start(env, store, Options::new()).await
    }

    /// Serves `engine`.
    pub async fn start(env: &Env, engine: Arc<dyn Operator>, options: Options) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = EtcdServer::new(env.clone(), engine, options);
        let serving = async move {
            server.serve(listener, std::future::pending()).await.expect("the listener listens");
        };
        Self { address, _server: env.spawn("etcd", serving) }
    }

    pub async fn clients(&self) -> Clients {
        Clients::connect(self.address).await
    }
}
