//! Calls of this server to others: webhooks, and issuers of tokens.
//!
//! One call is one connection with one request. Both sides are bounded: the time of the whole, and
//! the size of the answer. Who is called is named by an operator, never by a client.

mod expiring;
mod kubeconfig;
mod review;
mod trust;
mod url;

pub use trust::{Trust, TrustError};

pub(crate) use expiring::Expiring;
pub(crate) use kubeconfig::Remote;

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::{Either, select};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use orchestrator_core::{BoxError, Env};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use self::url::Url;

/// The longest answer that is read: far more than any review or key set.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CallError {
    /// The URL is none, or none that can be called.
    #[error("{0:?} is not an address that can be called")]
    Address(String),
    /// There was no connection, or it broke off.
    #[error("{url} cannot be reached: {why}")]
    Unreachable { url: String, why: String },
    /// It took too long.
    #[error("{0} did not answer in time")]
    Late(String),
    /// The answer is longer than answers may be.
    #[error("the answer of {0} is too long")]
    TooLong(String),
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) timeout: Duration,
    /// Where to connect to, where that is not what the URL names.
    pub(crate) connect: Option<(String, u16)>,
}

impl<'a> Call<'a> {
    /// Reads what is at `url`.
    pub(crate) fn get(url: &'a str, timeout: Duration) -> Self {
        let (method, headers) = (Method::GET, HeaderMap::new());
        Self { method, url, headers, body: Bytes::new(), timeout, connect: None }
    }

    /// Sends a JSON document to `url`.
    pub(crate) fn post(url: &'a str, body: impl Into<Bytes>, timeout: Duration) -> Self {
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json.clone());
        headers.insert(header::ACCEPT, json);
        Self { method: Method::POST, url, headers, body: body.into(), timeout, connect: None }
    }
}

/// Calls others over TLS.
#[derive(Clone)]
pub(crate) struct Caller {
    tls: TlsConnector,
    env: Env,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

impl Caller {
    /// Calls those whose certificates `trust` vouches for.
    pub(crate) fn new(trust: &Trust, env: Env) -> Result<Self, TrustError> {
        Ok(Self { tls: trust.connector()?, env })
    }

    /// Makes a call; the status and the body of the answer.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<(StatusCode, Bytes), CallError> {
        let shown = call.url.to_owned();
        let late = pin!(self.env.sleep(call.timeout));
        match select(pin!(self.exchange(call)), late).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(CallError::Late(shown)),
        }
    }

    async fn exchange(&self, call: Call<'_>) -> Result<(StatusCode, Bytes), CallError> {
        let url = Url::parse(call.url).ok_or_else(|| CallError::Address(call.url.to_owned()))?;
        let shown = call.url.to_owned();
        let unreachable =
            |error: BoxError| CallError::Unreachable { url: shown.clone(), why: chain(&*error) };
        let (host, port) = match &call.connect {
            Some((host, port)) => (host.as_str(), *port),
            None => (url.host, url.port),
        };
        let stream = TcpStream::connect((host, port)).await;
        let stream = stream.map_err(|error| unreachable(error.into()))?;
        let answered = match url.secure {
            true => {
                let name = ServerName::try_from(url.host.to_owned());
                let name = name.map_err(|error| unreachable(error.into()))?;
                let stream = self.tls.connect(name, stream).await;
                let stream = stream.map_err(|error| unreachable(error.into()))?;
                self.send(&url, call, stream).await
            }
            false => self.send(&url, call, stream).await,
        };
        let read = answered.map_err(unreachable)?;
        read.ok_or(CallError::TooLong(shown))
    }

    /// Sends the request over a connection; `None` for an answer that is too long.
    async fn send<S>(
        &self,
        url: &Url<'_>,
        call: Call<'_>,
        stream: S,
    ) -> Result<Option<(StatusCode, Bytes)>, BoxError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let _connection = self.env.spawn("call", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection of a call broke off");
            }
        });
        let mut request = Request::builder().method(call.method).uri(url.target);
        if let Some(headers) = request.headers_mut() {
            *headers = call.headers;
            headers.insert(header::HOST, HeaderValue::from_str(url.authority)?);
        }
        let answer = sender.send_request(request.body(Full::new(call.body))?).await?;
        let (parts, body) = answer.into_parts();
        Ok(read(body).await?.map(|body| (parts.status, body)))
    }
}

async fn read(mut body: Incoming) -> Result<Option<Bytes>, BoxError> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if read.len() + data.len() > MAX_ANSWER_BYTES {
            return Ok(None);
        }
        read.extend_from_slice(&data);
    }
    Ok(Some(read.freeze()))
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
