//! Sockets: TLS, the number of connections, the choice of protocol, a graceful end.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::{Either, select};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use orchestrator_core::env::Task;
use orchestrator_core::{BoxError, Env};
use parking_lot::Mutex;
use slab::Slab;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::authority::Tolerant;
use super::route::EtcdService;
use super::{Face, connection};

/// How long a client may take for the TLS handshake, and then to begin.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long running calls may take when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// How long accepting rests after an error, which most often is a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

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
                connections.start(async move {
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
        let mut stream = Tolerant::new(stream);
        let env = self.face.env.clone();
        let is_http2 = match select(pin!(stream.speaks_http2()), pin!(env.sleep(HANDSHAKE))).await {
            Either::Left((Ok(is_http2), _)) => is_http2,
            // One that connects and says nothing looks whether somebody listens.
            Either::Left((Err(_), _)) | Either::Right(_) => return,
        };
        let service = EtcdService::new(self.face);
        let ended = match is_http2 {
            true => connection::serve(&env, stream, service, self.stop).await.map_err(Into::into),
            false => http1(stream, service, self.stop).await,
        };
        if let Err(error) = ended {
            tracing::debug!(error = &*error, "connection broke off");
        }
    }
}

/// Answers what is no gRPC to clients that speak HTTP/1.1.
async fn http1(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    service: EtcdService,
    stop: CancellationToken,
) -> Result<(), BoxError> {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HANDSHAKE);
    let service = TowerToHyperService::new(service);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    match select(connection.as_mut(), pin!(stop.cancelled())).await {
        Either::Left((ended, _)) => Ok(ended?),
        Either::Right(((), _)) => {
            connection.as_mut().graceful_shutdown();
            Ok(connection.await?)
        }
    }
}

/// Owns the tasks of connections: they end with it.
struct Running {
    env: Env,
    tasks: Arc<Mutex<Slab<Task<()>>>>,
}

impl Running {
    fn new(env: Env) -> Self {
        Self { env, tasks: Arc::default() }
    }

    fn start(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock();
        let place = tasks.vacant_entry();
        let (id, owner) = (place.key(), Arc::downgrade(&self.tasks));
        place.insert(self.env.spawn("etcd", async move {
            connection.await;
            forget(&owner, id);
        }));
    }
}

/// Lets go of a task that is ending.
fn forget(owner: &Weak<Mutex<Slab<Task<()>>>>, id: usize) {
    let ended = owner.upgrade().and_then(|tasks| tasks.lock().try_remove(id));
    drop(ended);
}
