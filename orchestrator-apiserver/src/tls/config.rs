//! TLS for the server, made of a [`Pki`].

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::{Pki, TlsError};

/// TLS for a server that is reached under `names`: clients may show a certificate of the
/// cluster's authority, and speak HTTP/2 or HTTP/1.1.
///
/// # Errors
/// A certificate cannot be made or used.
pub fn server_config(pki: &Pki, names: &[String]) -> Result<ServerConfig, TlsError> {
    server_config_with(pki, names, "")
}

/// The same, where clients may show certificates of further authorities too, which are given in
/// PEM: whom such a certificate names is for the authenticators to say.
///
/// # Errors
/// A certificate cannot be made or used.
pub fn server_config_with(
    pki: &Pki,
    names: &[String],
    more: &str,
) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pki.ca_certificate().as_bytes())?)?;
    for certificate in CertificateDer::pem_slice_iter(more.as_bytes()) {
        roots.add(certificate?)?;
    }
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()?;
    let server = pki.server(names)?;
    let certificate = CertificateDer::from_pem_slice(server.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes())?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
