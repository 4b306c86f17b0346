//! Fixed bearer tokens, such as the administrator's.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use orchestrator_core::UserInfo;
use sha2::{Digest, Sha256};

use super::{Authentication, Authenticator, Credentials};

/// Knows the holders of fixed tokens.
///
/// Tokens are kept and looked up as digests, so that the time of a look-up tells nothing about
/// how near a guess was.
#[derive(Clone, Default)]
pub struct StaticTokens {
    users: BTreeMap<[u8; 32], UserInfo>,
}

impl StaticTokens {
    /// Each token belongs to the user beside it; an empty token belongs to nobody.
    pub fn new(tokens: impl IntoIterator<Item = (String, UserInfo)>) -> Self {
        let tokens = tokens.into_iter().filter(|(token, _)| !token.is_empty());
        Self { users: tokens.map(|(token, user)| (digest(&token), user)).collect() }
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl fmt::Debug for StaticTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticTokens").field("tokens", &self.users.len()).finish()
    }
}

#[async_trait]
impl Authenticator for StaticTokens {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        let user = credentials.bearer.and_then(|token| self.users.get(&digest(token)));
        user.map_or(Authentication::Abstain, |user| Authentication::Known(user.clone()))
    }
}
