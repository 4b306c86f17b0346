//! UDP: a session per client address joins its datagrams to an endpoint.
//!
//! A session ends when it is silent for a while or when its endpoint leaves the table; the next
//! datagram begins another. What cannot be sent at once is dropped, as a network would.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::env::Task;
use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio::time::Instant;
use tracing::debug;

use super::listener::{Shared, Stop};

/// The largest datagram.
const MAX_DATAGRAM: usize = 65_535;

/// How long a session may be silent; what a kernel gives an answered one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// How many sessions one frontend may have; more clients than that are not heard until others
/// fall silent. Each has a socket.
const MAX_SESSIONS: usize = 1024;

/// How many sessions there must be before those that have ended are cleared out.
const CLEAR_FROM: usize = 64;

struct Session {
    endpoint: SocketAddr,
    socket: Arc<UdpSocket>,
    last: Arc<Mutex<Instant>>,
    replies: Task<()>,
}

/// Serves a frontend until `stop`.
pub(super) async fn serve(socket: UdpSocket, shared: Shared, mut stop: Stop) {
    let socket = Arc::new(socket);
    let mut sessions = Sessions { shared, frontend: Arc::clone(&socket), open: BTreeMap::new() };
    let mut datagram = vec![0; MAX_DATAGRAM];
    loop {
        tokio::select! {
            biased;
            () = stop.asked() => break,
            received = socket.recv_from(&mut datagram) => match received {
                Ok((len, client)) => sessions.forward(client, &datagram[..len]).await,
                // The answer to an earlier datagram of ours that a client refused.
                Err(error) => debug!(%error, "datagram refused"),
            },
        }
    }
    drop((sessions, socket));
    stop.done();
}

struct Sessions {
    shared: Shared,
    frontend: Arc<UdpSocket>,
    open: BTreeMap<SocketAddr, Session>,
}

impl Sessions {
    async fn forward(&mut self, client: SocketAddr, datagram: &[u8]) {
        let balancer = self.shared.balancer();
        let usable = |session: &&Session| {
            !session.replies.is_finished() && balancer.contains(session.endpoint)
        };
        if self.open.get(&client).filter(usable).is_none() {
            self.open.remove(&client);
            match self.open_session(client).await {
                Ok(Some(session)) => drop(self.open.insert(client, session)),
                Ok(None) => return,
                Err(error) => return debug!(%client, %error, "no session"),
            }
        }
        let Some(session) = self.open.get(&client) else { return };
        *session.last.lock() = self.shared.env.instant();
        balancer.used(client.ip(), session.endpoint);
        if let Err(error) = session.socket.try_send(datagram) {
            debug!(%client, endpoint = %session.endpoint, %error, "datagram dropped");
        }
    }

    /// A new session; `None` where there is no endpoint or no room.
    async fn open_session(&mut self, client: SocketAddr) -> io::Result<Option<Session>> {
        if self.open.len() >= CLEAR_FROM {
            self.open.retain(|_, session| !session.replies.is_finished());
        }
        let candidates = self.shared.balancer().candidates(client.ip());
        let Some(endpoint) = candidates.first().copied() else { return Ok(None) };
        if self.open.len() >= MAX_SESSIONS {
            debug!(%client, "datagram dropped: too many sessions");
            return Ok(None);
        }
        let local: SocketAddr = match endpoint.is_ipv4() {
            true => (Ipv4Addr::UNSPECIFIED, 0).into(),
            false => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = Arc::new(UdpSocket::bind(local).await?);
        socket.connect(endpoint).await?;
        socket.writable().await?;
        let env = self.shared.env.clone();
        let last = Arc::new(Mutex::new(env.instant()));
        let replies = Replies {
            env: env.clone(),
            endpoint: Arc::clone(&socket),
            frontend: Arc::clone(&self.frontend),
            client,
            last: Arc::clone(&last),
        };
        let replies = env.spawn("service datagrams", replies.run());
        Ok(Some(Session { endpoint, socket, last, replies }))
    }
}

/// Carries the answers of one session.
struct Replies {
    env: Env,
    endpoint: Arc<UdpSocket>,
    frontend: Arc<UdpSocket>,
    client: SocketAddr,
    last: Arc<Mutex<Instant>>,
}

impl Replies {
    async fn run(self) {
        loop {
            let until = *self.last.lock() + IDLE_TIMEOUT;
            if until <= self.env.instant() {
                return;
            }
            tokio::select! {
                biased;
                ready = self.endpoint.readable() => {
                    if ready.is_err() || !self.carry() {
                        return;
                    }
                }
                () = self.env.sleep_until(until) => {}
            }
        }
    }

    /// Passes all datagrams on that are there; false where the endpoint has refused one.
    ///
    /// The buffer lives only here, so that a session that waits takes no room for it.
    fn carry(&self) -> bool {
        let mut datagram = [0; MAX_DATAGRAM];
        loop {
            match self.endpoint.try_recv(&mut datagram) {
                Ok(len) => {
                    *self.last.lock() = self.env.instant();
                    if let Err(error) = self.frontend.try_send_to(&datagram[..len], self.client) {
                        debug!(client = %self.client, %error, "answer dropped");
                    }
                }
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }
}
