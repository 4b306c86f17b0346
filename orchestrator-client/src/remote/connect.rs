//! Connections to the server: one HTTP/2 connection, shared, made anew when it breaks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use orchestrator_core::env::Task;
use orchestrator_core::{BoxError, Env};
use orchestrator_wire::certificate::AnyServer;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use super::{ConfigError, RemoteConfig};

/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests over a shared connection.
pub(super) struct Connector {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    env: Env,
    shared: Mutex<Option<Shared>>,
}

struct Shared {
    sender: http2::SendRequest<Full<Bytes>>,
    _driver: Task<()>,
}

impl Connector {
    pub(super) fn new(config: &RemoteConfig, env: Env) -> Result<Self, ConfigError> {
        let unusable = |source: BoxError| ConfigError::Unusable { what: "server address", source };
        let uri: Uri =
            config.server.parse().map_err(|e: http::uri::InvalidUri| unusable(e.into()))?;
        let host = uri.host().ok_or_else(|| unusable("it has no host".into()))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tls = secure.then(|| tls(config)).transpose()?;
        Ok(Self { uri, host, port, tls, env, shared: Mutex::default() })
    }

    /// The server's address with another path and query.
    pub(super) fn uri(&self, target: &str) -> String {
        let base = self.uri.to_string();
        format!("{}{target}", base.trim_end_matches('/'))
    }

    /// Sends `request`, over the shared connection if the server speaks HTTP/2.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Option<Task<()>>), BoxError> {
        let mut shared = self.shared.lock().await;
        if let Some(open) = shared.as_ref().filter(|open| !open.sender.is_closed()) {
            let mut sender = open.sender.clone();
            drop(shared);
            return Ok((sender.send_request(request).await?, None));
        }
        let connect = tokio::time::timeout(CONNECT_TIMEOUT, self.connect(&mut shared));
        let connected = connect.await.map_err(|_| "connecting took too long")??;
        drop(shared);
        match connected {
            Connected::Http2(mut sender) => Ok((sender.send_request(request).await?, None)),
            Connected::Http1(mut sender, driver) => {
                let request = origin_form(request)?;
                Ok((sender.send_request(request).await?, Some(driver)))
            }
        }
    }

    async fn connect(&self, shared: &mut Option<Shared>) -> Result<Connected, BoxError> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        let Some(connector) = &self.tls else {
            return self.http1(TokioIo::new(tcp)).await;
        };
        let name = ServerName::try_from(self.host.clone())?;
        let stream = connector.connect(name, tcp).await?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return self.http1(TokioIo::new(stream)).await;
        }
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await?;
        let driver = self.env.spawn("http2 connection", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        *shared = Some(Shared { sender: sender.clone(), _driver: driver });
        Ok(Connected::Http2(sender))
    }

    async fn http1<I>(&self, io: I) -> Result<Connected, BoxError>
    where
        I: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(io).await?;
        let driver = self.env.spawn("http1 connection", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        Ok(Connected::Http1(sender, driver))
    }
}

enum Connected {
    Http2(http2::SendRequest<Full<Bytes>>),
    Http1(http1::SendRequest<Full<Bytes>>, Task<()>),
}

/// HTTP/1.1 wants the path alone on the request line, and the host in a header.
fn origin_form(mut request: Request<Full<Bytes>>) -> Result<Request<Full<Bytes>>, BoxError> {
    let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    request.headers_mut().insert(http::header::HOST, authority.parse()?);
    let target = request.uri().path_and_query().map_or("/", |pq| pq.as_str()).to_owned();
    *request.uri_mut() = target.parse()?;
    Ok(request)
}

fn tls(config: &RemoteConfig) -> Result<TlsConnector, ConfigError> {
    let unusable = |what| move |source: BoxError| ConfigError::Unusable { what, source };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable("TLS")(e.into()))?;
    let builder = if config.insecure {
        // The user said so (`insecure-skip-tls-verify`).
        let any = Arc::new(AnyServer::new(provider));
        builder.dangerous().with_custom_certificate_verifier(any)
    } else {
        let mut roots = rustls::RootCertStore::empty();
        let pem = config.ca_pem.as_deref().unwrap_or_default();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|e| unusable("CA certificate")(e.into()))?;
            roots.add(certificate).map_err(|e| unusable("CA certificate")(e.into()))?;
        }
        builder.with_root_certificates(roots)
    };
    let mut tls = match &config.identity_pem {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
            let chain = chain.map_err(|e| unusable("client certificate")(e.into()))?;
            let key = PrivateKeyDer::from_pem_slice(key);
            let key = key.map_err(|e| unusable("client key")(e.into()))?;
            let with = builder.with_client_auth_cert(chain, key);
            with.map_err(|e| unusable("client certificate")(e.into()))?
        }
    };
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(tls)))
}
