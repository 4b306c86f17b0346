//! Clients of all services on one connection.

use std::net::SocketAddr;

use orchestrator_store::proto::etcd as pb;
use tonic::transport::{Channel, Endpoint};

/// A client of each service.
#[derive(Clone)]
pub struct Clients {
    pub kv: pb::kv_client::KvClient<Channel>,
    pub watch: pb::watch_client::WatchClient<Channel>,
    pub lease: pb::lease_client::LeaseClient<Channel>,
    pub maintenance: pb::maintenance_client::MaintenanceClient<Channel>,
    pub cluster: pb::cluster_client::ClusterClient<Channel>,
    pub auth: pb::auth_client::AuthClient<Channel>,
}

impl Clients {
    /// Connects without TLS.
    pub async fn connect(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        Self {
            kv: pb::kv_client::KvClient::new(channel.clone()).max_decoding_message_size(usize::MAX),
            watch: pb::watch_client::WatchClient::new(channel.clone())
                .max_decoding_message_size(usize::MAX),
            lease: pb::lease_client::LeaseClient::new(channel.clone()),
            maintenance: pb::maintenance_client::MaintenanceClient::new(channel.clone()),
            cluster: pb::cluster_client::ClusterClient::new(channel.clone()),
            auth: pb::auth_client::AuthClient::new(channel),
        }
    }
}
