//! Service account tokens: JWTs that this server signs and knows again.
//!
//! A token names its service account and, where it is bound, the pod, secret or node it ends
//! with. Once [`ServiceAccountTokens::check_against`] was called, a token whose account or bound
//! object is gone, or was made anew under the same name, is refused.

mod claims;

use std::fmt;
use std::sync::OnceLock;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use orchestrator_core::object::Object;
use orchestrator_core::{Env, GroupVersionResource, Json, Status};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::json;
use sha2::{Digest, Sha256};

use self::claims::{Claims, Kubernetes, Reference};
use super::{Authentication, Authenticator, Credentials};
use crate::registry::Objects;
use crate::subresource::token::{IssuedToken, TokenIdentity, TokenIssuer, TokenSpec};

/// The issuer that tokens name, and the audience of tokens for the API itself.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// How far the clocks of two servers may differ, and how long what a token is bound to may be on
/// its way out.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// The longest token that is looked at; real ones have about 1 KiB.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Issues tokens of service accounts, and knows their holders.
pub struct ServiceAccountTokens {
    env: Env,
    encoding: EncodingKey,
    decoding: DecodingKey,
    key_id: String,
    jwk: Json,
    objects: OnceLock<Objects>,
}

/// The key is no usable ECDSA P-256 key in PKCS #8.
#[derive(Debug, thiserror::Error)]
#[error("the service account key is not usable: {0}")]
pub struct KeyError(String);

impl ServiceAccountTokens {
    /// Signs with the P-256 key in `pem` (PKCS #8).
    ///
    /// # Errors
    /// The key cannot be read.
    pub fn new(pem: &str, env: Env) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pem(pem).map_err(|error| KeyError(error.to_string()))?;
        let unusable = |error: jsonwebtoken::errors::Error| KeyError(error.to_string());
        let encoding = EncodingKey::from_ec_pem(pem.as_bytes()).map_err(unusable)?;
        let decoding =
            DecodingKey::from_ec_pem(pair.public_key_pem().as_bytes()).map_err(unusable)?;
        let digest = Sha256::digest(pair.subject_public_key_info());
        let key_id = BASE64_URL_SAFE_NO_PAD.encode(digest);
        let jwk = jwk(&pair, &key_id)?;
        Ok(Self { env, encoding, decoding, key_id, jwk, objects: OnceLock::new() })
    }

    /// From now on refuses tokens whose account or bound object is not among `objects`.
    pub fn check_against(&self, objects: Objects) {
        let _ = self.objects.set(objects);
    }

    /// The document at `/openid/v1/jwks`.
    pub fn key_set(&self) -> Json {
        json!({"keys": [self.jwk]})
    }

    /// The document at `/.well-known/openid-configuration`.
    pub fn configuration(&self) -> Json {
        json!({
            "issuer": ISSUER,
            "jwks_uri": format!("{ISSUER}/openid/v1/jwks"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    /// What a token of this server says; `None` for one that is none.
    fn decode(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let mut validation = Validation::new(Algorithm::ES256);
        // Times and audiences are ours to judge: the clock is that of `Env`.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims: Claims = jsonwebtoken::decode(token, &self.decoding, &validation).ok()?.claims;
        (claims.iss == ISSUER).then_some(claims)
    }

    /// Whether a token counts for one of `audiences`, and which.
    async fn judge(&self, token: &str, audiences: &[String]) -> Result<TokenIdentity, Refusal> {
        let claims = self.decode(token).ok_or(Refusal::Unknown)?;
        let own = [ISSUER.to_owned()];
        let wanted = if audiences.is_empty() { &own } else { audiences };
        let matching: Vec<_> = wanted.iter().filter(|a| claims.aud.contains(a)).cloned().collect();
        if matching.is_empty() {
            return Err(Refusal::Because(format!(
                "token audiences {} is invalid for the target audiences {}",
                quoted(&claims.aud),
                quoted(wanted)
            )));
        }
        self.check_times(&claims)?;
        self.check_objects(&claims.kubernetes).await?;
        Ok(TokenIdentity { user: claims.user(), audiences: matching })
    }

    fn check_times(&self, claims: &Claims) -> Result<(), Refusal> {
        let now = self.env.now();
        let at = |seconds| Timestamp::from_second(seconds).map_err(|_| Refusal::Unknown);
        if at(claims.exp)? <= now.saturating_sub(LEEWAY).unwrap_or(now) {
            return Err(Refusal::Because("service account token has expired".into()));
        }
        if at(claims.nbf)? > now.saturating_add(LEEWAY).unwrap_or(now) {
            return Err(Refusal::Because("service account token is not valid yet".into()));
        }
        Ok(())
    }

    /// Whether account and bound object are still the ones that the token was made for.
    async fn check_objects(&self, claims: &Kubernetes) -> Result<(), Refusal> {
        let Some(objects) = self.objects.get() else { return Ok(()) };
        // A node that is named besides a pod tells where the token is from, and no more.
        let node = claims.node.as_ref().filter(|_| claims.pod.is_none());
        let namespace = claims.namespace.as_str();
        for (resource, namespace, reference) in [
            ("serviceaccounts", namespace, Some(&claims.serviceaccount)),
            ("secrets", namespace, claims.secret.as_ref()),
            ("pods", namespace, claims.pod.as_ref()),
            ("nodes", "", node),
        ] {
            let Some(reference) = reference else { continue };
            let gvr = GroupVersionResource::new("", "v1", resource);
            let found = objects.get(&gvr, namespace, &reference.name).await;
            let found = found.ok().flatten();
            let tree = found.as_ref().and_then(|item| item.tree().ok());
            self.check_object(resource, namespace, reference, tree.map(|tree| &**tree))?;
        }
        Ok(())
    }

    fn check_object(
        &self,
        resource: &str,
        namespace: &str,
        reference: &Reference,
        found: Option<&Object>,
    ) -> Result<(), Refusal> {
        let Reference { name, uid } = reference;
        let is_account = resource == "serviceaccounts";
        let Some(found) = found else {
            return Err(Refusal::Because(match is_account {
                true => format!("serviceaccounts {name:?} not found"),
                false => "service account token has been invalidated".into(),
            }));
        };
        let limit = self.env.now().saturating_sub(LEEWAY).ok();
        let since = found.deletion_timestamp().and_then(|time| time.parse::<Timestamp>().ok());
        if since.is_some_and(|since| limit.is_some_and(|limit| since < limit)) {
            return Err(Refusal::Because(match is_account {
                true => format!("service account {namespace}/{name} has been deleted"),
                false => "service account token has been invalidated".into(),
            }));
        }
        if found.uid() == uid {
            return Ok(());
        }
        let (kind, now) = (resource.trim_end_matches('s'), found.uid());
        Err(Refusal::Because(match is_account {
            true => format!("service account UID ({now}) does not match claim ({uid})"),
            false => {
                format!(
                    "{kind} UID ({now}) does not match service account {kind} ref claim ({uid})"
                )
            }
        }))
    }
}

/// Why a token does not count.
#[derive(Debug)]
enum Refusal {
    /// It is none of this server's.
    Unknown,
    /// It is, and yet.
    Because(String),
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Status::new(
            401,
            "Unauthorized",
            match refusal {
                Refusal::Unknown => "invalid bearer token".to_owned(),
                Refusal::Because(why) => format!("[invalid bearer token, {why}]"),
            },
        )
    }
}

fn quoted(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", texts.join(" "))
}

/// The public half of a key as issuers publish it.
pub(super) fn jwk(pair: &KeyPair, key_id: &str) -> Result<Json, KeyError> {
    // An uncompressed point: 4, then the two coordinates.
    let [4, point @ ..] = pair.der_bytes() else {
        return Err(KeyError("not an uncompressed point".into()));
    };
    let (x, y) = point.split_at_checked(32).ok_or_else(|| KeyError("not P-256".into()))?;
    let text = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    Ok(json!({
        "use": "sig", "kty": "EC", "kid": key_id, "crv": "P-256", "alg": "ES256",
        "x": text(x), "y": text(y),
    }))
}

impl fmt::Debug for ServiceAccountTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccountTokens").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenIssuer for ServiceAccountTokens {
    async fn issue(&self, spec: &TokenSpec) -> Result<IssuedToken, Status> {
        let now = self.env.now().as_second();
        let audiences = match spec.audiences.is_empty() {
            true => vec![ISSUER.to_owned()],
            false => spec.audiences.clone(),
        };
        let claims = Claims {
            aud: audiences.clone(),
            exp: now.saturating_add(spec.expiration_s),
            iat: now,
            iss: ISSUER.into(),
            jti: self.env.uid(),
            kubernetes: Kubernetes::new(spec, now),
            nbf: now,
            sub: format!("system:serviceaccount:{}:{}", spec.namespace, spec.service_account),
        };
        let expires = Timestamp::from_second(claims.exp).map_err(Status::internal)?;
        let header =
            Header { kid: Some(self.key_id.clone()), typ: None, ..Header::new(Algorithm::ES256) };
        let token = jsonwebtoken::encode(&header, &claims, &self.encoding);
        Ok(IssuedToken { token: token.map_err(Status::internal)?, expires, audiences })
    }

    async fn review(&self, token: &str, audiences: &[String]) -> Result<TokenIdentity, Status> {
        Ok(self.judge(token, audiences).await?)
    }
}

#[async_trait]
impl Authenticator for ServiceAccountTokens {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        let Some(token) = credentials.bearer else { return Authentication::Abstain };
        match self.review(token, &[]).await {
            Ok(identity) => Authentication::Known(identity.user),
            Err(_) => Authentication::Refused,
        }
    }
}

#[cfg(test)]
mod tests;
