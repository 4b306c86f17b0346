//! Who asks: authenticators turn what a request carries into a [`UserInfo`].
//!
//! Each authenticator looks at its own kind of credentials and abstains from the rest; the first
//! one that knows the caller decides. A caller without credentials is anonymous; credentials that
//! nobody knows are an error, so that a mistyped token does not quietly become anonymous.

mod bootstrap_token;
mod certificate;
mod impersonation;
mod oidc;
mod request_header;
mod service_account;
mod static_token;
mod webhook;

pub use bootstrap_token::BootstrapTokens;
pub use certificate::{CertificatesOf, ClientCertificates};
pub use oidc::{Oidc, OidcConfig};
pub use orchestrator_wire::certificate::user_of_certificate;
pub use request_header::{RequestHeader, RequestHeaderConfig};
pub use service_account::{ISSUER, ServiceAccountTokens};
pub use static_token::{StaticTokens, TokenFileError};
pub use webhook::TokenWebhook;

pub(crate) use impersonation::{Purpose, impersonate, is_asked_for};

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use orchestrator_core::{Status, UserInfo};
use rustls::pki_types::CertificateDer;

/// What a request carries to prove who sent it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// The bearer token.
    pub bearer: Option<&'a str>,
    /// The user that the connection's client certificate names; TLS has verified its chain.
    pub certificate: Option<&'a UserInfo>,
    /// That certificate and those behind it, in DER.
    pub chain: Option<&'a [CertificateDer<'static>]>,
    /// The headers of the request.
    pub headers: Option<&'a HeaderMap>,
}

/// What an authenticator makes of some credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// The caller is this user.
    Known(UserInfo),
    /// These credentials are not of the kind that this authenticator judges.
    Abstain,
    /// They are, and they are wrong.
    Refused,
}

/// Tells who sent a request.
///
/// # Contract
/// - It judges one kind of credentials and [abstains](Authentication::Abstain) from the rest.
/// - A user it knows is in `system:authenticated`.
#[async_trait]
pub trait Authenticator: fmt::Debug + Send + Sync + 'static {
    /// Judges the credentials of one request.
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication;
}

/// Several authenticators, asked in order.
#[derive(Clone, Debug, Default)]
pub struct Authenticators {
    chain: Vec<Arc<dyn Authenticator>>,
}

impl Authenticators {
    /// No authenticator: every caller without credentials is anonymous, others are refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks `authenticator` after those before it.
    #[must_use]
    pub fn with(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.chain.push(authenticator);
        self
    }

    /// Tells who sent a request.
    ///
    /// # Errors
    /// 401 where there are credentials that nobody knows.
    pub async fn authenticate(&self, credentials: Credentials<'_>) -> Result<UserInfo, Status> {
        for authenticator in &self.chain {
            if let Authentication::Known(user) = authenticator.authenticate(credentials).await {
                return Ok(user);
            }
        }
        match credentials {
            Credentials { bearer: None, certificate: None, .. } => Ok(UserInfo::anonymous()),
            _ => Err(Status::unauthorized()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Authenticator) {}

    #[tokio::test]
    async fn the_first_that_knows_decides_and_unknown_credentials_are_refused() {
        let admin = UserInfo::new("admin", [UserInfo::MASTERS]);
        let jane = UserInfo::new("jane", ["dev"]);
        let chain = Authenticators::new()
            .with(Arc::new(ClientCertificates))
            .with(Arc::new(StaticTokens::new([("secret".to_owned(), admin.clone())])));
        let known = |bearer, certificate| {
            chain.authenticate(Credentials { bearer, certificate, ..Credentials::default() })
        };
        assert_eq!(known(Some("secret"), None).await, Ok(admin.clone()));
        assert_eq!(known(Some("secret"), Some(&jane)).await, Ok(jane.clone()));
        assert_eq!(known(None, None).await.unwrap().name, "system:anonymous");
        assert_eq!(known(Some("other"), None).await.unwrap_err().code, 401);
        let none = Authenticators::new();
        let credentials = Credentials { certificate: Some(&jane), ..Credentials::default() };
        assert_eq!(none.authenticate(credentials).await.unwrap_err().code, 401);
    }
}
