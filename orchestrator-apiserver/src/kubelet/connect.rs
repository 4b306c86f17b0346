//! One connection for one request: TCP, TLS, HTTP/1.1.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use orchestrator_core::env::Task;
use orchestrator_core::{BoxError, Env, Status};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long a node may take to accept a connection and to begin an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a node serves, and how to prove who we are.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: TlsConnector,
    pub(super) env: Env,
}

/// An answer, and the connection that its body comes over, which ends with the task.
pub(super) struct Answered {
    pub(super) answer: Response<Incoming>,
    pub(super) connection: Task<()>,
}

impl Endpoint {
    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// 503 where the node cannot be reached, 504 where it takes too long.
    pub(super) async fn get(&self, target: &str, headers: HeaderMap) -> Result<Answered, Status> {
        let late = pin!(self.env.sleep(PATIENCE));
        match select(pin!(self.send(target, headers)), late).await {
            Either::Left((Ok(answered), _)) => Ok(answered),
            Either::Left((Err(error), _)) => Err(self.unreachable(&*error)),
            Either::Right(_) => Err(self.late()),
        }
    }

    /// A connection that no request has gone over yet.
    ///
    /// # Errors
    /// 503 where the node cannot be reached, 504 where it takes too long.
    pub(super) async fn open(&self) -> Result<TlsStream<TcpStream>, Status> {
        let late = pin!(self.env.sleep(PATIENCE));
        match select(pin!(self.connect()), late).await {
            Either::Left((Ok(stream), _)) => Ok(stream),
            Either::Left((Err(error), _)) => Err(self.unreachable(&*error)),
            Either::Right(_) => Err(self.late()),
        }
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>, BoxError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(self.host.clone())?;
        Ok(self.tls.connect(name, stream).await?)
    }

    async fn send(&self, target: &str, headers: HeaderMap) -> Result<Answered, BoxError> {
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = self.env.spawn("node connection", async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "connection to a node broke off");
            }
        });
        let mut request = Request::get(target).body(Empty::<Bytes>::new())?;
        *request.headers_mut() = headers;
        let host = HeaderValue::from_str(&self.authority())?;
        request.headers_mut().insert(header::HOST, host);
        let answer = sender.send_request(request).await?;
        Ok(Answered { answer, connection })
    }

    fn late(&self) -> Status {
        Status::timeout(format!("error dialing backend: {} took too long", self.authority()), 1)
    }

    /// Host and port, as a URL has them.
    pub(super) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> Status {
        let sources = std::iter::successors(Some(error), |error| error.source());
        let why: Vec<String> = sources.map(ToString::to_string).collect();
        let authority = self.authority();
        Status::unavailable(format!("error dialing backend: {authority}: {}", why.join(": ")))
    }
}
