//! Client certificates: the common name is the user, the organisations are the groups.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orchestrator_core::{Env, UserInfo};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use sha2::{Digest, Sha256};

use super::{Authentication, Authenticator, Credentials};
use crate::tls::TlsError;

/// Knows those whose client certificate TLS has verified.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientCertificates;

#[async_trait]
impl Authenticator for ClientCertificates {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        match credentials.certificate {
            Some(user) => Authentication::Known(with_id(user, credentials.chain)),
            None => Authentication::Abstain,
        }
    }
}

/// The user with the fingerprint of the certificate, by which records tell it from others.
fn with_id(user: &UserInfo, chain: Option<&[CertificateDer<'static>]>) -> UserInfo {
    let mut user = user.clone();
    if let Some(own) = chain.and_then(<[_]>::first) {
        let digest: String = Sha256::digest(own).iter().map(|byte| format!("{byte:02x}")).collect();
        let key = "authentication.kubernetes.io/credential-id".to_owned();
        user.extra.insert(key, vec![format!("X509SHA256={digest}")]);
    }
    user
}

/// Knows those whose client certificate one authority has signed, where TLS lets in those of
/// several.
#[derive(Clone, Debug)]
pub struct CertificatesOf {
    authority: Authority,
}

impl CertificatesOf {
    /// Knows the holders of certificates of the authorities in `pem`.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub fn new(pem: &str, env: Env) -> Result<Self, TlsError> {
        Ok(Self { authority: Authority::new(pem, env)? })
    }
}

#[async_trait]
impl Authenticator for CertificatesOf {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        match (credentials.certificate, credentials.chain) {
            (Some(user), Some(chain)) if self.authority.signed(chain) => {
                Authentication::Known(with_id(user, Some(chain)))
            }
            _ => Authentication::Abstain,
        }
    }
}

/// Authorities of client certificates.
#[derive(Clone, Debug)]
pub(super) struct Authority {
    verifier: Arc<dyn ClientCertVerifier>,
    env: Env,
}

impl Authority {
    pub(super) fn new(pem: &str, env: Env) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build()?;
        Ok(Self { verifier, env })
    }

    /// Whether one of the authorities has signed the first certificate of a chain.
    pub(super) fn signed(&self, chain: &[CertificateDer<'_>]) -> bool {
        let Some((own, behind)) = chain.split_first() else { return false };
        let seconds = u64::try_from(self.env.now().as_second()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.verifier.verify_client_cert(own, behind, now).is_ok()
    }
}
