//! Certificates and keys of one cluster, and TLS made of them.
//!
//! On first start a [`Pki`] makes a certificate authority, the service account key and the
//! administrator's token, and keeps them in a directory; later starts read them again. The
//! server's and the administrator's certificates are signed anew on every start, so they follow
//! the addresses that the server has now.

mod config;
mod files;
mod kubeconfig;
mod pki;

pub use config::{server_config, server_config_with};
pub use kubeconfig::kubeconfig;
pub use pki::{Pki, Signed};

/// Why certificates or keys could not be made, read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("cannot use {path}")]
    File {
        /// Which file.
        path: std::path::PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A certificate or key could not be made, or one that was read is broken.
    #[error("cannot use the certificate authority")]
    Certificate(#[from] rcgen::Error),
    /// A key in PEM is broken.
    #[error("cannot read a key or certificate in PEM form")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// The TLS library refuses the certificates.
    #[error("cannot set up TLS")]
    Rustls(#[from] rustls::Error),
    /// The certificates cannot be used to verify clients.
    #[error("cannot verify client certificates")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}
