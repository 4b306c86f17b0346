//! TLS configurations from PEM text, for [`Options::tls`](super::Options::tls).

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Why PEM text makes no TLS configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The text is no PEM, or holds something else.
    #[error("cannot read {what}")]
    Pem {
        /// What the text should hold.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not belong together, or are of a kind that cannot be used.
    #[error("certificate cannot be used")]
    Certificate(#[source] rustls::Error),
    /// The authority of the clients' certificates cannot be used.
    #[error("authority of client certificates cannot be used")]
    Authority(#[source] rustls::server::VerifierBuilderError),
}

/// A configuration that shows the certificate `chain`, whose first has the key `key`.
///
/// With `client_ca`, clients must show a certificate that one of these authorities signed.
///
/// # Errors
/// See [`TlsError`].
pub fn server_config(
    chain: &[u8],
    key: &[u8],
    client_ca: Option<&[u8]>,
) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = certificates("the certificate chain", chain)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|source| TlsError::Pem { what: "the private key", source })?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Certificate)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates("the authorities of clients", pem)? {
                roots.add(authority).map_err(TlsError::Certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(TlsError::Authority)?)
        }
    };
    builder.with_single_cert(chain, key).map_err(TlsError::Certificate)
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { what, source })
}
