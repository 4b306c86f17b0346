//! The keys of an issuer, fetched over HTTPS.

use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use orchestrator_core::{Env, Json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::OidcConfig;
use crate::outbound::{Call, Caller, TrustError};

/// How long the issuer may take for one document.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long after a fetch keys are not fetched again: tokens with made-up keys must not make this
/// server flood the issuer.
const PAUSE: Duration = Duration::from_secs(10);

/// The most keys that are tried for a token that names none.
const MAX_KEYS: usize = 32;

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct Keys {
    issuer: String,
    caller: Caller,
    env: Env,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    set: Option<JwkSet>,
    fetched: Option<Instant>,
}

impl Keys {
    pub(super) fn new(config: &OidcConfig, env: Env) -> Result<Self, TrustError> {
        let caller = Caller::new(&config.trust, env.clone())?;
        Ok(Self { issuer: config.issuer.clone(), caller, env, known: Mutex::default() })
    }

    /// The keys that a token may be signed with: the one that it names, or all where it names none.
    pub(super) async fn find(&self, id: Option<&str>) -> Vec<DecodingKey> {
        let mut known = self.known.lock().await;
        let found = known.matching(id);
        if !found.is_empty() {
            return found;
        }
        let now = self.env.instant();
        if known.fetched.is_some_and(|fetched| now < fetched + PAUSE) {
            return Vec::new();
        }
        known.fetched = Some(now);
        match self.fetch().await {
            Ok(set) => known.set = Some(set),
            Err(why) => tracing::warn!(issuer = %self.issuer, why, "no keys of the token issuer"),
        }
        known.matching(id)
    }

    async fn fetch(&self) -> Result<JwkSet, String> {
        let base = self.issuer.trim_end_matches('/');
        let configuration = format!("{base}/.well-known/openid-configuration");
        let document: Json = self.read(&configuration).await?;
        if document["issuer"].as_str() != Some(&self.issuer) {
            return Err("the document is that of another issuer".into());
        }
        let uri = document["jwks_uri"].as_str().ok_or("the document names no keys")?;
        self.read(uri).await
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, String> {
        let answered = self.caller.call(Call::get(url, PATIENCE)).await;
        let (status, body) = answered.map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("{url} answered {status}"));
        }
        serde_json::from_slice(&body).map_err(|error| format!("{url}: {error}"))
    }
}

impl Known {
    fn matching(&self, id: Option<&str>) -> Vec<DecodingKey> {
        let keys = self.set.iter().flat_map(|set| &set.keys);
        let keys = keys.filter(|key| id.is_none() || key.common.key_id.as_deref() == id);
        keys.take(MAX_KEYS).filter_map(|key| DecodingKey::from_jwk(key).ok()).collect()
    }
}
