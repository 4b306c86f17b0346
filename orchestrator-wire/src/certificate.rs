//! Certificates: the name that a client's carries, and servers whose own is not asked for.
//!
//! In a client certificate the common name is the user, the organisations are the groups.

use std::sync::Arc;

use orchestrator_core::UserInfo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, ServerConnection, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The user that a certificate in DER names; `None` where it has no common name.
pub fn user_of_certificate(der: &[u8]) -> Option<UserInfo> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?;
    let groups = subject.iter_organization().filter_map(|group| group.as_str().ok());
    (!name.is_empty()).then(|| UserInfo::new(name, groups))
}

/// The certificates that a client has shown, its own first, as an extension of its requests; TLS
/// has verified them.
#[derive(Clone, Debug)]
pub struct ClientChain(pub Arc<[CertificateDer<'static>]>);

/// The certificates that the client of a connection has shown.
pub fn client_chain(connection: &ServerConnection) -> Option<ClientChain> {
    let chain = connection.peer_certificates()?;
    Some(ClientChain(chain.iter().map(|der| der.clone().into_owned()).collect()))
}

/// The user that a connection's client certificate names; TLS has verified it.
pub fn client_user(connection: &ServerConnection) -> Option<UserInfo> {
    user_of_certificate(connection.peer_certificates()?.first()?)
}

/// Takes any certificate of a server: the connection is private, but nobody knows with whom.
///
/// For servers that sign their own certificates, such as node agents, and where a user asks for
/// it.
#[derive(Debug)]
pub struct AnyServer {
    provider: Arc<CryptoProvider>,
}

impl AnyServer {
    /// A verifier that checks with this provider that the server has the key of its certificate.
    pub fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider }
    }
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_certificate_name_nobody() {
        assert_eq!(user_of_certificate(b""), None);
        assert_eq!(user_of_certificate(b"\x30\x82\xff\xff"), None);
    }
}
