//! TCP: accepts connections of a frontend and joins each to an endpoint.
//!
//! An endpoint that cannot be reached is passed over while no byte was sent; after that, its
//! end is the connection's end. Each direction closes by itself, as the peers do it. When the
//! frontend goes, connections that are established go on.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use orchestrator_core::Env;
use orchestrator_core::env::Task;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::listener::{Shared, Stop};

/// How long one endpoint may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How many endpoints are tried for one connection; with more, all of them are likely to be in
/// trouble, and the client should know.
const MAX_TRIES: usize = 5;

/// How many bytes are in flight in each direction of a connection.
const BUFFER_BYTES: usize = 16 * 1024;

/// How long a connection may be silent in both directions; what a kernel gives it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long accepting pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves a frontend until `stop`, then the connections that are left.
pub(super) async fn serve(listener: TcpListener, shared: Shared, mut stop: Stop) {
    let mut connections: FuturesUnordered<Task<()>> = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            () = stop.asked() => break,
            Some(_) = connections.next(), if !connections.is_empty() => {}
            accepted = accept(&listener, &shared.limit) => match accepted {
                Ok((client, peer, permit)) => {
                    let (env, shared) = (shared.env.clone(), shared.clone());
                    connections.push(env.spawn("service connection", async move {
                        join(client, peer, &shared).await;
                        drop(permit);
                    }));
                }
                Err(error) => {
                    warn!(%error, "no connection accepted");
                    shared.env.sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    stop.done();
    while connections.next().await.is_some() {}
}

/// Accepts when the limit allows it; until then, clients wait in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    limit: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(limit).acquire_owned().await.map_err(io::Error::other)?;
    let (client, peer) = listener.accept().await?;
    Ok((client, peer, permit))
}

async fn join(client: TcpStream, peer: SocketAddr, shared: &Shared) {
    let balancer = shared.balancer();
    for endpoint in balancer.candidates(peer.ip()).into_iter().take(MAX_TRIES) {
        match connect(endpoint, &shared.env).await {
            Ok(server) => {
                balancer.used(peer.ip(), endpoint);
                if let Err(error) = relay(client, server, &shared.env).await {
                    debug!(%peer, %endpoint, %error, "connection broken");
                }
                return;
            }
            Err(error) => debug!(%peer, %endpoint, %error, "endpoint passed over"),
        }
    }
    // No endpoint: a reset tells the client at once that nobody has read its bytes.
    reset(client);
}

async fn connect(endpoint: SocketAddr, env: &Env) -> io::Result<TcpStream> {
    tokio::select! {
        biased;
        stream = TcpStream::connect(endpoint) => stream,
        () = env.sleep(CONNECT_TIMEOUT) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Closes with a reset instead of an orderly end.
fn reset(stream: TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        debug!(%error, "connection closed without a reset");
    }
}

/// Carries bytes both ways until both sides have ended, one breaks, or both are silent.
async fn relay(mut client: TcpStream, mut server: TcpStream, env: &Env) -> io::Result<()> {
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let heard = Heard { env, last: Mutex::new(env.instant()) };
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    let there = pump(client_reads, server_writes, &heard);
    let back = pump(server_reads, client_writes, &heard);
    let result = tokio::try_join!(there, back).map(drop);
    if result.is_err() {
        reset(client);
        reset(server);
    }
    result
}

/// When a connection was last used.
struct Heard<'a> {
    env: &'a Env,
    last: Mutex<Instant>,
}

impl Heard<'_> {
    fn now(&self) {
        *self.last.lock() = self.env.instant();
    }

    /// Waits until nothing was heard for the time that a connection may be silent.
    async fn silence(&self) {
        loop {
            let until = *self.last.lock() + IDLE_TIMEOUT;
            if until <= self.env.instant() {
                return;
            }
            self.env.sleep_until(until).await;
        }
    }
}

/// Carries bytes one way until their end, and passes the end on.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    heard: &Heard<'_>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = tokio::select! {
            biased;
            read = from.read(&mut buffer) => read?,
            () = heard.silence() => return Err(io::ErrorKind::TimedOut.into()),
        };
        if read == 0 {
            return to.shutdown().await;
        }
        heard.now();
        to.write_all(&buffer[..read]).await?;
        heard.now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pump_ends_when_both_directions_are_silent() {
        let env = Env::simulated(1);
        let heard = Heard { env: &env, last: Mutex::new(env.instant()) };
        let (_silent, from) = tokio::io::duplex(16);
        let (to, _sink) = tokio::io::duplex(16);
        let before = env.instant();
        let result = pump(from, to, &heard).await;
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(env.instant() - before, IDLE_TIMEOUT);
    }

    #[tokio::test]
    async fn a_pump_passes_the_end_on() {
        let env = Env::system();
        let heard = Heard { env: &env, last: Mutex::new(env.instant()) };
        let (mut source, from) = tokio::io::duplex(16);
        let (to, mut sink) = tokio::io::duplex(16);
        source.write_all(b"bytes").await.unwrap();
        drop(source);
        pump(from, to, &heard).await.unwrap();
        let mut got = Vec::new();
        sink.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"bytes");
    }
}
