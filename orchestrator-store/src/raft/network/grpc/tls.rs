//! Certificates of members.

use std::fmt;

use orchestrator_core::BoxError;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};

/// What a member needs to trust the others and to be trusted: all in PEM.
#[derive(Clone)]
pub struct PeerTls {
    authority: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
    server_name: Option<String>,
}

impl fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the certificates of this member cannot be used")]
pub struct PeerTlsError(#[source] BoxError);

impl PeerTls {
    /// The authority of all members, and the certificate and key of this one, which must be good
    /// for both a server and a client.
    pub fn new(
        authority: impl Into<Vec<u8>>,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        let (authority, certificate, key) = (authority.into(), certificate.into(), key.into());
        Self { authority, certificate, key, server_name: None }
    }

    /// Expects this name in the certificates of all others, instead of the host in their URLs.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    pub(super) fn check(&self) -> Result<(), PeerTlsError> {
        let bad = |error: tonic::transport::Error| PeerTlsError(error.into());
        Server::builder().tls_config(self.server()).map_err(bad)?;
        let endpoint = Endpoint::from_static("https://member").tls_config(self.client());
        endpoint.map(drop).map_err(bad)
    }

    pub(super) fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(Identity::from_pem(&self.certificate, &self.key))
            .client_ca_root(Certificate::from_pem(&self.authority))
    }

    pub(super) fn client(&self) -> ClientTlsConfig {
        let config = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.authority))
            .identity(Identity::from_pem(&self.certificate, &self.key));
        match &self.server_name {
            Some(name) => config.domain_name(name.clone()),
            None => config,
        }
    }
}
