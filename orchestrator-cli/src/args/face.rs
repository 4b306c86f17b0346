//! How the store is served as an etcd.

use std::path::PathBuf;

use clap::Args;

/// TLS of etcd's API.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS of the etcd API that is served here")]
pub struct FaceTls {
    /// Serve over TLS, with the certificate in this file (PEM), followed by those that lead from it
    /// to its authority.
    #[arg(long, value_name = "FILE", requires = "etcd_tls_key")]
    pub etcd_tls_cert: Option<PathBuf>,

    /// Its key.
    #[arg(long, value_name = "FILE", requires = "etcd_tls_cert")]
    pub etcd_tls_key: Option<PathBuf>,

    /// Serve only clients that show a certificate which this authority has signed.
    #[arg(long, value_name = "FILE", requires = "etcd_tls_cert")]
    pub etcd_client_ca: Option<PathBuf>,
}
