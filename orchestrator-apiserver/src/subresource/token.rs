//! `serviceaccounts/token`, and the trait of those who issue and know tokens.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use orchestrator_core::{Status, UserInfo};

/// What a token shall say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSpec {
    /// The namespace of the service account.
    pub namespace: String,
    /// The name of the service account.
    pub service_account: String,
    /// The uid of the service account.
    pub service_account_uid: String,
    /// For whom the token is meant; empty for the server's own audience.
    pub audiences: Vec<String>,
    /// How long it is valid, in seconds.
    pub expiration_s: i64,
    /// The object that the token ends with.
    pub bound: Option<BoundObject>,
    /// The node of the pod that the token is bound to, with its uid.
    pub node: Option<(String, String)>,
}

/// The object that a token ends with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundObject {
    /// `Pod`, `Secret` or `Node`.
    pub kind: String,
    /// Its version.
    pub api_version: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// A token as issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token itself.
    pub token: String,
    /// When it ends.
    pub expires: Timestamp,
    /// For whom it is meant.
    pub audiences: Vec<String>,
}

/// Who a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The user.
    pub user: UserInfo,
    /// The audiences, of those asked for, that the token is meant for.
    pub audiences: Vec<String>,
}

/// Issues tokens for service accounts, and tells whom a token belongs to.
#[async_trait]
pub trait TokenIssuer: fmt::Debug + Send + Sync + 'static {
    /// Issues a token.
    ///
    /// # Errors
    /// 500 where it cannot be signed.
    async fn issue(&self, spec: &TokenSpec) -> Result<IssuedToken, Status>;

    /// Tells whom `token` belongs to, for any of `audiences` (none: the server's own).
    ///
    /// # Errors
    /// 401 where the token is not valid.
    async fn review(&self, token: &str, audiences: &[String]) -> Result<TokenIdentity, Status>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn TokenIssuer) {}
}
