//! Members on different machines: gRPC, over TLS on both sides.
//!
//! One connection goes to each other member, and is opened by the first call. A call that finds
//! no connection and cannot make one has surely not arrived; one that fails on a connection may
//! have. After a failure the connection is given up, so that the next call tells the two apart.

mod client;
mod envelope;
mod server;
#[cfg(test)]
mod tests;
mod tls;

pub use tls::{PeerTls, PeerTlsError};

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use orchestrator_core::Env;
use parking_lot::Mutex;

use super::{Call, CallError, Inbox, Peer, Serving, Transport};
use client::Clients;

/// The most bytes of a message: a call and its envelope.
const MAX_MESSAGE_BYTES: usize = super::MAX_CALL_BYTES + (64 << 10);

/// gRPC between members.
///
/// Peer URLs are `http://host:port`, or `https://host:port` with [`PeerTls`].
///
/// # Examples
/// ```no_run
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
///
/// use orchestrator_core::Env;
/// use orchestrator_store::RaftStore;
/// use orchestrator_store::raft::InitialMember;
/// use orchestrator_store::raft::network::{GrpcTransport, PeerTls};
///
/// let tls = PeerTls::new(std::fs::read("ca.pem")?, std::fs::read("me.pem")?, std::fs::read("me.key")?);
/// let transport = GrpcTransport::bind(Env::system(), "10.0.0.1:2380".parse()?)?.tls(tls)?;
/// let store = RaftStore::builder()
///     .name("a")
///     .initial([
///         InitialMember::new(1, "a", "https://10.0.0.1:2380"),
///         InitialMember::new(2, "b", "https://10.0.0.2:2380"),
///         InitialMember::new(3, "c", "https://10.0.0.3:2380"),
///     ])
///     .start_path("/var/lib/shop", Arc::new(transport), Env::system())
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct GrpcTransport {
    env: Env,
    address: SocketAddr,
    /// Bound, and not yet served.
    listener: Mutex<Option<TcpListener>>,
    tls: Option<PeerTls>,
    clients: Clients,
}

impl GrpcTransport {
    /// Takes the address `listen`, on which it will listen; port 0 for any that is free.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn bind(env: Env, listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = Mutex::new(Some(listener));
        Ok(Self { env, address, listener, tls: None, clients: Clients::default() })
    }

    /// Where it listens, as a URL; what others are told unless that is not how they reach it.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Speaks only to members whose certificates are of the same authority, and shows its own.
    ///
    /// # Errors
    /// The certificates or the key cannot be read.
    pub fn tls(mut self, tls: PeerTls) -> Result<Self, PeerTlsError> {
        tls.check()?;
        self.clients = Clients::with(tls.clone());
        self.tls = Some(tls);
        Ok(self)
    }
}

#[async_trait]
impl Transport for GrpcTransport {
    async fn serve(&self, inbox: Arc<dyn Inbox>) -> io::Result<Serving> {
        let listener = match self.listener.lock().take() {
            Some(listener) => listener,
            // It was served before.
            None => TcpListener::bind(self.address)?,
        };
        listener.set_nonblocking(true)?;
        let held = server::serve(&self.env, listener, self.tls.as_ref(), inbox)?;
        Ok(Serving::new(self.url(), held))
    }

    async fn call(&self, peer: &Peer, call: Call) -> Result<Bytes, CallError> {
        self.clients.call(&peer.address, call).await
    }
}
