//! TLS: the node's certificate, and the authority that callers must be vouched for by.

use std::sync::Arc;

use orchestrator_core::BoxError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::{KubeletConfig, KubeletError};

/// The names that a server certificate can carry besides the node's own.
const LOCAL: &str = "localhost";

/// TLS for the face of `node`. Who shows no certificate at all is told so in HTTP.
pub(super) fn config(config: &KubeletConfig, node: &str) -> Result<ServerConfig, KubeletError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = authority(&config.client_ca).map_err(broken("client authority"))?;
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| broken("client authority")(error.into()))?;
    let (chain, key) = match &config.identity {
        Some((certificates, key)) => given(certificates, key),
        None => self_signed(node, &config.bind.ip().to_string()),
    }
    .map_err(broken("certificate"))?;
    let unusable = |error: rustls::Error| broken("certificate")(error.into());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    // Sessions leave HTTP by an upgrade, which only HTTP/1.1 has.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(tls)
}

fn broken(what: &'static str) -> impl Fn(BoxError) -> KubeletError {
    move |source| KubeletError::Certificate { what, source }
}

fn authority(pem: &[u8]) -> Result<RootCertStore, BoxError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate?)?;
    }
    match roots.is_empty() {
        true => Err("there is no certificate in it".into()),
        false => Ok(roots),
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn given(certificates: &[u8], key: &[u8]) -> Result<Identity, BoxError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
    Ok((chain?, PrivateKeyDer::from_pem_slice(key)?))
}

fn self_signed(node: &str, address: &str) -> Result<Identity, BoxError> {
    let names = [node, address, LOCAL].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    Ok((vec![made.cert.der().clone()], key))
}
