//! OpenID Connect: users who prove who they are by tokens of an issuer that the operator names.
//!
//! The issuer's keys are fetched when they are first needed (`keys`), and again when a token names
//! a key that is not among them. What of a token's claims makes the user is configured
//! ([`OidcConfig`]).

mod keys;

use std::collections::BTreeMap;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Validation};
use orchestrator_core::{Env, Json, UserInfo};

use self::keys::Keys;
use super::{Authentication, Authenticator, Credentials};
use crate::outbound::{Trust, TrustError};

/// The longest token that is looked at; some issuers put hundreds of groups into one.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// How far the clocks of issuer and server may differ.
const LEEWAY: SignedDuration = SignedDuration::from_secs(10);

/// The prefix that stands for none.
const NO_PREFIX: &str = "-";

/// Which tokens count, and what they make of their holders.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OidcConfig {
    /// The issuer's URL, as tokens name it.
    pub issuer: String,
    /// For whom tokens must be meant: one of these.
    pub audiences: Vec<String>,
    /// The claim that holds the user's name.
    pub username_claim: String,
    /// What is put before the name; `-` for nothing. Where it is not given, it is the issuer and
    /// `#`, or nothing for the claim `email`.
    pub username_prefix: Option<String>,
    /// The claim that holds the groups; none where it is not given.
    pub groups_claim: Option<String>,
    /// What is put before each group.
    pub groups_prefix: String,
    /// Claims that a token must have, with their values.
    pub required_claims: BTreeMap<String, String>,
    /// The algorithms that signatures may have.
    pub algorithms: Vec<Algorithm>,
    /// Whose certificate the issuer must show.
    pub trust: Trust,
}

impl OidcConfig {
    /// Takes tokens that `issuer` signed for `audience`.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            username_claim: "sub".into(),
            username_prefix: None,
            groups_claim: None,
            groups_prefix: String::new(),
            required_claims: BTreeMap::new(),
            algorithms: vec![Algorithm::RS256],
            trust: Trust::system(),
        }
    }
}

/// Knows the holders of an issuer's tokens.
#[derive(Debug)]
pub struct Oidc {
    config: OidcConfig,
    keys: Keys,
    env: Env,
}

impl Oidc {
    /// Knows the users of the configured issuer; nothing is fetched before the first token.
    ///
    /// # Errors
    /// The certificates of the configuration cannot be used.
    pub fn new(config: OidcConfig, env: Env) -> Result<Self, TrustError> {
        let keys = Keys::new(&config, env.clone())?;
        Ok(Self { config, keys, env })
    }

    async fn user(&self, token: &str) -> Option<UserInfo> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if !self.config.algorithms.contains(&header.alg) {
            return None;
        }
        let mut validation = Validation::new(header.alg);
        // Times and audiences are ours to judge: the clock is that of `Env`.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        for key in self.keys.find(header.kid.as_deref()).await {
            if let Ok(decoded) = jsonwebtoken::decode::<Json>(token, &key, &validation) {
                return self.config.user(&decoded.claims, self.env.now());
            }
        }
        None
    }
}

impl OidcConfig {
    /// The user of claims whose signature is good; `None` where they do not count.
    fn user(&self, claims: &Json, now: Timestamp) -> Option<UserInfo> {
        let text = |name: &str| claims.get(name).and_then(Json::as_str);
        let at = |name: &str| {
            let seconds = claims.get(name)?;
            let seconds = seconds.as_i64().or_else(|| seconds.as_f64().map(|s| s as i64));
            Timestamp::from_second(seconds?).ok()
        };
        let audience = texts(claims.get("aud"));
        let counts = text("iss") == Some(&self.issuer)
            && audience.iter().any(|meant| self.audiences.contains(meant))
            && at("exp")? > now.saturating_sub(LEEWAY).ok()?
            && at("nbf").is_none_or(|begin| now.saturating_add(LEEWAY).is_ok_and(|n| begin <= n))
            && self.required_claims.iter().all(|(name, value)| text(name) == Some(value));
        if !counts {
            return None;
        }
        let name = text(&self.username_claim).filter(|name| !name.is_empty())?;
        if self.username_claim == "email"
            && claims.get("email_verified").is_some_and(|is| is != &Json::Bool(true))
        {
            return None;
        }
        let groups = self.groups_claim.as_ref().map(|claim| texts(claims.get(claim.as_str())));
        let prefix = &self.groups_prefix;
        let groups = groups.unwrap_or_default().into_iter().map(|group| format!("{prefix}{group}"));
        let mut user = UserInfo::new(format!("{}{name}", self.prefix()), groups);
        if let Some(id) = text("jti") {
            let key = "authentication.kubernetes.io/credential-id".to_owned();
            user.extra.insert(key, vec![format!("JTI={id}")]);
        }
        Some(user)
    }

    fn prefix(&self) -> String {
        match self.username_prefix.as_deref() {
            Some(NO_PREFIX) => String::new(),
            Some(prefix) => prefix.to_owned(),
            None if self.username_claim == "email" => String::new(),
            None => format!("{}#", self.issuer),
        }
    }
}

/// A claim that is a text or a list of texts.
fn texts(claim: Option<&Json>) -> Vec<String> {
    match claim {
        Some(Json::String(one)) => vec![one.to_owned()],
        Some(Json::Array(list)) => {
            list.iter().filter_map(Json::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The issuer that a token names, whether or not it has signed it.
fn issuer(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Json = serde_json::from_slice(&bytes).ok()?;
    claims.get("iss").and_then(Json::as_str).map(str::to_owned)
}

#[async_trait]
impl Authenticator for Oidc {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        let Some(token) = credentials.bearer.filter(|token| token.len() <= MAX_TOKEN_BYTES) else {
            return Authentication::Abstain;
        };
        if issuer(token).as_ref() != Some(&self.config.issuer) {
            return Authentication::Abstain;
        }
        match self.user(token).await {
            Some(user) => Authentication::Known(user),
            None => Authentication::Refused,
        }
    }
}

#[cfg(test)]
mod tests;
