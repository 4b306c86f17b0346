//! Sockets: TLS, the number of connections, HTTP/2 as gRPC uses it, a graceful end.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::{Either, select};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use orchestrator_core::Env;
use orchestrator_core::env::Task;
use parking_lot::Mutex;
use slab::Slab;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Face;
use super::authority::Tolerant;
use super::route::EtcdService;

/// How long a client may take for the TLS handshake, or to send the head of an HTTP/1.1 request.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long running calls may take when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// How long accepting rests after an error, which most often is a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How often an idle client is asked whether it is there, and how long it may take to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// The most calls at a time on one connection. A client library has one connection for all of its
/// program, which may well have thousands of calls and watches.
const MAX_STREAMS: u32 = 8192;

/// How much a client may send of one call before it is read: the largest message fits in.
const STREAM_WINDOW: u32 = 2 << 20;

/// How much a client may send of all calls before they are read.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// How much of an answer waits for a client that is slow to take it; then its source is not asked.
const SEND_BUFFER: usize = 256 << 10;

/// The largest frame: larger than the values that are usual, so that most answers are one frame.
const MAX_FRAME: u32 = 64 << 10;

/// The largest head of a call.
const MAX_HEAD: u32 = 64 << 10;

/// Accepts connections until `shutdown` resolves, then lets running calls end for a moment.
pub(super) async fn serve(
    face: Arc<Face>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let tls = face.options.tls.clone().map(|mut config| {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    });
    let room = Arc::new(Semaphore::new(face.options.max_connections));
    let env = face.env.clone();
    let (connections, stop) = (Running::new(env.clone()), CancellationToken::new());
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = match select(shutdown.as_mut(), pin!(accept(&listener, &room))).await {
            Either::Left(((), _)) => break,
            Either::Right((accepted, _)) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let connection = Connection { face: Arc::clone(&face), stop: stop.clone() };
                let tls = tls.clone();
                connections.execute(async move {
                    connection.open(stream, tls).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "connection was not accepted");
                env.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stop.cancel();
    let all = u32::try_from(face.options.max_connections).unwrap_or(u32::MAX);
    let _ = select(pin!(room.acquire_many(all)), pin!(env.sleep(GRACE))).await;
    Ok(())
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// One connection.
struct Connection {
    face: Arc<Face>,
    stop: CancellationToken,
}

impl Connection {
    async fn open(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // Answers are small and complete: nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else { return self.run(stream).await };
        let env = self.face.env.clone();
        match select(pin!(tls.accept(stream)), pin!(env.sleep(HANDSHAKE))).await {
            Either::Left((Ok(stream), _)) => self.run(stream).await,
            Either::Left((Err(error), _)) => tracing::debug!(%error, "TLS handshake failed"),
            Either::Right(_) => {}
        }
    }

    async fn run(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let Self { face, stop } = self;
        let builder = builder(&face.env);
        let service = TowerToHyperService::new(EtcdService::new(face));
        let mut connection =
            pin!(builder.serve_connection(TokioIo::new(Tolerant::new(stream)), service));
        let ended = match select(connection.as_mut(), pin!(stop.cancelled())).await {
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

fn builder(env: &Env) -> auto::Builder<Running> {
    let mut builder = auto::Builder::new(Running::new(env.clone()));
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(MAX_HEAD)
        .max_send_buf_size(SEND_BUFFER);
    builder
}

/// Owns tasks: connections, or the calls of one connection. They end with it.
#[derive(Clone)]
struct Running {
    env: Env,
    tasks: Arc<Mutex<Slab<Task<()>>>>,
}

impl Running {
    fn new(env: Env) -> Self {
        Self { env, tasks: Arc::default() }
    }
}

impl<F> Executor<F> for Running
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let mut tasks = self.tasks.lock();
        let place = tasks.vacant_entry();
        let (id, owner) = (place.key(), Arc::downgrade(&self.tasks));
        place.insert(self.env.spawn("etcd", async move {
            future.await;
            forget(&owner, id);
        }));
    }
}

/// Lets go of a task that is ending.
fn forget(owner: &Weak<Mutex<Slab<Task<()>>>>, id: usize) {
    let ended = owner.upgrade().and_then(|tasks| tasks.lock().try_remove(id));
    drop(ended);
}
