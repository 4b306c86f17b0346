//! TLS for HTTPS probes: encrypted, and with any certificate.
//!
//! A probe asks whether a server answers, not who it is: pods have certificates for the names of
//! their services, and a probe goes to an address. Kubernetes therefore does not check them.

use std::io;
use std::sync::Arc;

use orchestrator_wire::certificate::AnyServer;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Begins TLS on a connection to `host`.
pub(super) async fn connect(host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    let verifier = Arc::new(AnyServer::new(provider));
    let config = builder.dangerous().with_custom_certificate_verifier(verifier);
    TlsConnector::from(Arc::new(config.with_no_client_auth())).connect(name, stream).await
}
