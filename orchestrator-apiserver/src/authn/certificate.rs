//! Client certificates: the common name is the user, the organisations are the groups.

use async_trait::async_trait;

use super::{Authentication, Authenticator, Credentials};

/// Knows those whose client certificate TLS has verified.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientCertificates;

#[async_trait]
impl Authenticator for ClientCertificates {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        match credentials.certificate {
            Some(user) => Authentication::Known(user.clone()),
            None => Authentication::Abstain,
        }
    }
}
