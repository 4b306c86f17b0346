//! A face behind sockets: TLS, connection limits, timeouts and a graceful end; and behind any
//! connection of the same process.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use orchestrator_core::env::{Task, Tasks};
use orchestrator_core::{BoxError, Env, UserInfo};
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate::{ClientChain, client_chain, client_user};

/// The most connections at a time: each costs a socket and, while it reads, some 10 KiB.
const MAX_CONNECTIONS: usize = 4096;

/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a client may take to send the head of a request; an idle connection ends then too.
const HEAD: Duration = Duration::from_secs(60);

/// The largest head of a request.
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// The most requests at a time on one HTTP/2 connection, as upstream allows.
const MAX_STREAMS: u32 = 250;

/// How often an idle HTTP/2 client is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How long running requests may take when the server stops; watches end at once.
const GRACE: Duration = Duration::from_secs(2);

/// What answers the requests of a listener; cheap to clone.
pub trait Face: Clone + Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;

    /// Clock and tasks.
    fn env(&self) -> &Env;

    /// Answers a request; `peer` is the user that the connection's client certificate names.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Option<Arc<UserInfo>>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The listener is about to stop: ends answers that would go on for ever.
    fn stopping(&self) {}
}

/// A server that listens; dropping it closes the socket and all connections.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    listener: Task<()>,
}

impl Serving {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Takes no more connections, lets running requests end, and returns when all have.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        self.listener.await;
    }
}

/// Listens on `bind` and serves over TLS.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve(
    face: impl Face,
    tls: ServerConfig,
    bind: SocketAddr,
) -> std::io::Result<Serving> {
    serve_on(face, tls, TcpListener::bind(bind).await?)
}

/// Serves over TLS on a socket that listens already.
///
/// # Errors
/// The socket has no address.
pub fn serve_on(
    face: impl Face,
    tls: ServerConfig,
    socket: TcpListener,
) -> std::io::Result<Serving> {
    let address = socket.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let env = face.env().clone();
    let accept = Accept { socket, tls: TlsAcceptor::from(Arc::new(tls)), face, stopped };
    let listener = env.spawn("https", accept.run());
    Ok(Serving { address, stop, listener })
}

/// Serves one connection of the same process, such as one end of a [`tokio::io::duplex`], in
/// HTTP/1.1 or HTTP/2; here requests can be upgraded.
pub fn serve_duplex<S>(face: impl Face, stream: S) -> Task<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let env = face.env().clone();
    env.spawn("duplex", async move {
        // Nobody stops a single connection but its owner, by dropping it.
        let (_running, stopped) = watch::channel(false);
        let protocol = Protocol::Either;
        Connection { face, peer: None, chain: None, protocol, stopped }.run(stream).await;
    })
}

/// What takes connections.
struct Accept<F> {
    socket: TcpListener,
    tls: TlsAcceptor,
    face: F,
    stopped: watch::Receiver<bool>,
}

impl<F: Face> Accept<F> {
    async fn run(self) {
        let env = self.face.env();
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let connections = Connections::new(env.clone());
        loop {
            let stopped = pin!(asked_to_stop(self.stopped.clone()));
            match select(stopped, pin!(self.next(&room))).await {
                Either::Right((Ok((stream, permit)), _)) => {
                    let (face, tls) = (self.face.clone(), self.tls.clone());
                    let stopped = self.stopped.clone();
                    connections.execute(async move {
                        secure(stream, tls, face, stopped).await;
                        drop(permit);
                    });
                }
                // Out of file descriptors, or a client that left: the next may fare better.
                Either::Right((Err(error), _)) => {
                    tracing::debug!(%error, "connection was not accepted");
                    env.sleep(Duration::from_millis(10)).await;
                }
                Either::Left(_) => break,
            }
        }
        self.face.stopping();
        drop(self.socket);
        let all = u32::try_from(MAX_CONNECTIONS).expect("a small number");
        let ended = pin!(room.acquire_many(all));
        let _ = select(ended, pin!(self.face.env().sleep(GRACE))).await;
    }

    /// The next connection, once there is room for it.
    async fn next(
        &self,
        room: &Arc<Semaphore>,
    ) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
        let permit = Arc::clone(room).acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, _) = self.socket.accept().await?;
        Ok((stream, permit))
    }
}

async fn asked_to_stop(mut stopped: watch::Receiver<bool>) {
    // An owner that is gone without a word has dropped this task too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn secure(
    stream: TcpStream,
    tls: TlsAcceptor,
    face: impl Face,
    stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let Some(stream) = handshake(stream, tls, face.env()).await else { return };
    let session = stream.get_ref().1;
    let peer = client_user(session).map(Arc::new);
    let chain = client_chain(session);
    let protocol = match session.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    Connection { face, peer, chain, protocol, stopped }.run(stream).await;
}

async fn handshake(stream: TcpStream, tls: TlsAcceptor, env: &Env) -> Option<TlsStream<TcpStream>> {
    match select(pin!(tls.accept(stream)), pin!(env.sleep(HANDSHAKE))).await {
        Either::Left((Ok(stream), _)) => Some(stream),
        Either::Left((Err(error), _)) => {
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
        Either::Right(_) => None,
    }
}

/// Which HTTP a connection speaks.
#[derive(Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
    /// Whichever its first bytes say.
    Either,
}

/// One connection.
struct Connection<F> {
    face: F,
    peer: Option<Arc<UserInfo>>,
    chain: Option<ClientChain>,
    protocol: Protocol,
    stopped: watch::Receiver<bool>,
}

impl<F: Face> Connection<F> {
    async fn run<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { face, peer, chain, protocol, stopped } = self;
        let builder = builder(protocol, face.env());
        let answer = service_fn(move |mut request: Request<Incoming>| {
            let (face, peer) = (face.clone(), peer.clone());
            if let Some(chain) = &chain {
                request.extensions_mut().insert(chain.clone());
            }
            async move { Ok::<_, Infallible>(face.answer(request, peer).await) }
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), answer);
        let mut connection = pin!(connection);
        let stopping = pin!(asked_to_stop(stopped));
        let ended = match select(connection.as_mut(), stopping).await {
            Either::Left((ended, _)) => ended,
            Either::Right(((), _)) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = &*error, "connection broke off");
        }
    }
}

fn builder(protocol: Protocol, env: &Env) -> auto::Builder<Connections> {
    let builder = auto::Builder::new(Connections::new(env.clone()));
    let mut builder = match protocol {
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_only(),
        Protocol::Either => builder,
    };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD_BYTES as u32)
        .adaptive_window(true);
    builder
}

/// Owns the tasks of connections, or of the requests of one HTTP/2 connection: they end with it.
#[derive(Clone)]
struct Connections {
    env: Env,
    tasks: Arc<Mutex<Tasks>>,
}

impl Connections {
    fn new(env: Env) -> Self {
        Self { env, tasks: Arc::default() }
    }
}

impl<F> Executor<F> for Connections
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.tasks.lock().push(self.env.spawn("connection", future));
    }
}
