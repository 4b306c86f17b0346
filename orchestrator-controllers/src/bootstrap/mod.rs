//! Bootstrap tokens: what machines join a cluster with.
//!
//! A token is a Secret in `kube-system`. The [signer](BootstrapSigner) signs the cluster's public
//! description with each of them, so that a machine that knows a token can trust what it reads
//! before it knows the authority; the [cleaner](TokenCleaner) deletes tokens that have ended.

mod clean;
mod sign;
mod token;

pub use clean::TokenCleaner;
pub use sign::BootstrapSigner;
