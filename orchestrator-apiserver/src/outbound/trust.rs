//! Whose certificates are trusted in a call, and which one is shown.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Where systems keep the authorities that they trust, in PEM.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Whom a server trusts that it calls.
#[derive(Clone, Default)]
pub struct Trust {
    authorities: Option<String>,
    identity: Option<(String, String)>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

/// Why certificates or keys of a call cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A certificate or a key is no PEM.
    #[error("cannot read a certificate or key in PEM form")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// The TLS library refuses it.
    #[error("cannot set up TLS")]
    Rustls(#[from] rustls::Error),
}

impl Trust {
    /// The authorities that the system trusts.
    pub fn system() -> Self {
        Self::default()
    }

    /// The authorities in `pem` and no others.
    pub fn authorities(pem: impl Into<String>) -> Self {
        Self { authorities: Some(pem.into()), identity: None }
    }

    /// Shows this certificate, with its key, to whoever is called.
    #[must_use]
    pub fn with_identity(mut self, certificate: String, key: String) -> Self {
        self.identity = Some((certificate, key));
        self
    }

    pub(super) fn connector(&self) -> Result<TlsConnector, TrustError> {
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    roots.add(certificate?)?;
                }
            }
            None => add_system(&mut roots),
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            Some((certificate, key)) => {
                let chain = CertificateDer::pem_slice_iter(certificate.as_bytes());
                let chain = chain.collect::<Result<Vec<_>, _>>()?;
                config
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)?
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Adds what the system trusts; an entry that cannot be read is passed over, as other programs do.
fn add_system(roots: &mut RootCertStore) {
    let bundle = BUNDLES.iter().find_map(|path| std::fs::read(path).ok()).unwrap_or_default();
    let certificates = CertificateDer::pem_slice_iter(&bundle).filter_map(Result::ok);
    roots.add_parsable_certificates(certificates);
}
