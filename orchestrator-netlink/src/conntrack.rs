//! The connections that the kernel follows.
//!
//! Where packets go is decided with the first of a connection. Datagrams have no end by which a
//! connection would go away: a client that keeps sending is led to a place that is gone until
//! somebody makes the kernel forget.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use nlink::netlink::netfilter::{ConntrackEntry, ConntrackFilter, ConntrackTuple, IpProtocol};
use nlink::netlink::{Connection, Netfilter};
use orchestrator_core::BoxError;

/// A connection as the kernel follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who sends.
    pub client: IpAddr,
    /// Where the client sends.
    pub to: SocketAddr,
    /// Where the answers come from: `to`, or where the packets are led.
    pub answered_by: SocketAddr,
}

/// Decides whether a connection stays.
pub type Keep<'a> = &'a (dyn Fn(&Flow) -> bool + Send + Sync);

/// Forgets connections.
#[async_trait]
pub trait Connections: fmt::Debug + Send + Sync + 'static {
    /// Forgets those of a transport protocol that `keep` does not want; returns how many.
    ///
    /// # Errors
    /// The kernel cannot be asked; some may be forgotten.
    async fn retain(&self, protocol: u8, keep: Keep<'_>) -> Result<usize, BoxError>;
}

/// The kernel's connections.
pub struct KernelConnections {
    connection: Connection<Netfilter>,
}

impl fmt::Debug for KernelConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelConnections").finish_non_exhaustive()
    }
}

impl KernelConnections {
    /// Those of the namespace in which the caller's thread is; needs `CAP_NET_ADMIN` there.
    ///
    /// # Errors
    /// The kernel follows no connections, or this process may not look at them.
    pub fn open() -> Result<Self, BoxError> {
        Ok(Self { connection: Connection::<Netfilter>::new()? })
    }
}

#[async_trait]
impl Connections for KernelConnections {
    async fn retain(&self, protocol: u8, keep: Keep<'_>) -> Result<usize, BoxError> {
        let filter = ConntrackFilter::new().proto(protocol_of(protocol));
        let mut forgotten = 0;
        for entry in self.connection.get_conntrack_matching(&filter).await? {
            if flow(&entry).is_none_or(|flow| keep(&flow)) {
                continue;
            }
            match self.connection.del_conntrack_entry(&entry).await {
                Ok(()) => forgotten += 1,
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(forgotten)
    }
}

fn protocol_of(number: u8) -> IpProtocol {
    match number {
        6 => IpProtocol::Tcp,
        17 => IpProtocol::Udp,
        other => IpProtocol::Other(other),
    }
}

fn flow(entry: &ConntrackEntry) -> Option<Flow> {
    let destination =
        |tuple: &ConntrackTuple| Some(SocketAddr::new(tuple.dst_ip?, tuple.dst_port?));
    let source = |tuple: &ConntrackTuple| Some(SocketAddr::new(tuple.src_ip?, tuple.src_port?));
    Some(Flow {
        client: entry.orig.src_ip?,
        to: destination(&entry.orig)?,
        answered_by: source(&entry.reply)?,
    })
}

#[cfg(test)]
fn _dyn_compatible(_: &dyn Connections) {}
