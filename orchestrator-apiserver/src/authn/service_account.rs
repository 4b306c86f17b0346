//! Service account tokens: JWTs that this server signs and knows again.
//!
//! A token names its service account and, where it is bound, the pod, secret or node it ends
//! with. Once [`ServiceAccountTokens::check_against`] was called, a token whose account or bound
//! object is gone, or was made anew under the same name, is refused.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use orchestrator_core::{Env, GroupVersionResource, Json, Status, UserInfo};
use rcgen::{KeyPair, PublicKeyData};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Authentication, Authenticator, Credentials};
use crate::registry::Objects;
use crate::subresource::token::{BoundObject, IssuedToken, TokenIdentity, TokenIssuer, TokenSpec};

/// The issuer that tokens name, and the audience of tokens for the API itself.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// How far the clocks of two servers may differ.
const LEEWAY: SignedDuration = SignedDuration::from_secs(10);

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

    fn decode(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let mut validation = Validation::new(Algorithm::ES256);
        // Times and audiences are ours to judge: the clock is that of `Env`.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims: Claims = jsonwebtoken::decode(token, &self.decoding, &validation).ok()?.claims;
        let now = self.env.now();
        let at = |seconds| Timestamp::from_second(seconds).ok();
        let begun = at(claims.nbf)? <= now.checked_add(LEEWAY).ok()?;
        let ended = at(claims.exp)? <= now.checked_sub(LEEWAY).ok()?;
        (claims.iss == ISSUER && begun && !ended).then_some(claims)
    }

    /// Whether account and bound object are still the ones that the token was made for.
    async fn still_there(&self, claims: &Kubernetes) -> bool {
        let Some(objects) = self.objects.get() else { return true };
        let namespaced = [
            ("serviceaccounts", Some(&claims.serviceaccount)),
            ("pods", claims.pod.as_ref()),
            ("secrets", claims.secret.as_ref()),
        ];
        for (resource, reference) in namespaced {
            let Some(Reference { name, uid }) = reference else { continue };
            let gvr = GroupVersionResource::new("", "v1", resource);
            let found = objects.get(&gvr, &claims.namespace, name).await;
            let Ok(Some(item)) = found else { return false };
            if !item.tree().is_ok_and(|tree| tree.uid() == uid) {
                return false;
            }
        }
        true
    }
}

fn jwk(pair: &KeyPair, key_id: &str) -> Result<Json, KeyError> {
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

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: Vec<String>,
    exp: i64,
    iat: i64,
    iss: String,
    jti: String,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Kubernetes,
    nbf: i64,
    sub: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kubernetes {
    namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<Reference>,
    serviceaccount: Reference,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Reference {
    name: String,
    #[serde(default)]
    uid: String,
}

impl Kubernetes {
    fn new(spec: &TokenSpec) -> Self {
        let reference =
            |(name, uid): (&str, &str)| Reference { name: name.into(), uid: uid.into() };
        let bound = |kind: &str| {
            let object = spec.bound.as_ref().filter(|bound| bound.kind == kind);
            object.map(|BoundObject { name, uid, .. }| reference((name, uid)))
        };
        let node = spec.node.as_ref().map(|(name, uid)| reference((name, uid)));
        Self {
            namespace: spec.namespace.clone(),
            node: bound("Node").or(node),
            pod: bound("Pod"),
            secret: bound("Secret"),
            serviceaccount: reference((&spec.service_account, &spec.service_account_uid)),
        }
    }
}

impl Claims {
    fn user(&self) -> UserInfo {
        const PREFIX: &str = "authentication.kubernetes.io/";
        let Kubernetes { namespace, node, pod, serviceaccount, .. } = &self.kubernetes;
        let groups =
            ["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")];
        let name = format!("system:serviceaccount:{namespace}:{}", serviceaccount.name);
        let mut extra = BTreeMap::new();
        let mut put = |key: &str, value: String| {
            extra.insert(format!("{PREFIX}{key}"), vec![value]);
        };
        put("credential-id", format!("JTI={}", self.jti));
        for (kind, reference) in [("node", node), ("pod", pod)] {
            if let Some(Reference { name, uid }) = reference {
                put(&format!("{kind}-name"), name.clone());
                put(&format!("{kind}-uid"), uid.clone());
            }
        }
        UserInfo { uid: serviceaccount.uid.clone(), extra, ..UserInfo::new(name, groups) }
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
            kubernetes: Kubernetes::new(spec),
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
        let claims = self.decode(token).ok_or_else(Status::unauthorized)?;
        let own = [ISSUER.to_owned()];
        let wanted = if audiences.is_empty() { &own } else { audiences };
        let matching: Vec<_> = wanted.iter().filter(|a| claims.aud.contains(a)).cloned().collect();
        if matching.is_empty() || !self.still_there(&claims.kubernetes).await {
            return Err(Status::unauthorized());
        }
        Ok(TokenIdentity { user: claims.user(), audiences: matching })
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
mod tests {
    use super::*;
    use std::time::Duration;

    fn tokens() -> ServiceAccountTokens {
        let pem = KeyPair::generate().unwrap().serialize_pem();
        ServiceAccountTokens::new(&pem, Env::simulated(1)).unwrap()
    }

    fn spec(audiences: &[&str]) -> TokenSpec {
        TokenSpec {
            namespace: "ns".into(),
            service_account: "builder".into(),
            service_account_uid: "u1".into(),
            audiences: audiences.iter().map(|a| (*a).into()).collect(),
            expiration_s: 600,
            bound: Some(BoundObject {
                kind: "Pod".into(),
                name: "p".into(),
                uid: "u2".into(),
                ..BoundObject::default()
            }),
            node: Some(("n".into(), "u3".into())),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_names_its_account_until_it_ends() {
        let tokens = tokens();
        let issued = tokens.issue(&spec(&[])).await.unwrap();
        let user = tokens.review(&issued.token, &[]).await.unwrap().user;
        assert_eq!(
            (user.name.as_str(), user.uid.as_str()),
            ("system:serviceaccount:ns:builder", "u1")
        );
        assert!(user.is_in("system:serviceaccounts:ns") && user.is_in(UserInfo::AUTHENTICATED));
        assert_eq!(user.extra["authentication.kubernetes.io/pod-uid"], ["u2"]);
        assert_eq!(user.extra["authentication.kubernetes.io/node-name"], ["n"]);
        tokens.env.sleep(Duration::from_secs(700)).await;
        assert_eq!(tokens.review(&issued.token, &[]).await.unwrap_err().code, 401);
    }

    #[tokio::test(start_paused = true)]
    async fn audiences_and_signatures_must_match() {
        let tokens = tokens();
        let issued = tokens.issue(&spec(&["vault"])).await.unwrap().token;
        assert!(tokens.review(&issued, &[]).await.is_err());
        let asked = ["other".to_owned(), "vault".to_owned()];
        assert_eq!(tokens.review(&issued, &asked).await.unwrap().audiences, ["vault"]);
        assert!(self::tokens().review(&issued, &asked).await.is_err());
        for bad in ["", "a.b.c", "....", &"x".repeat(100_000)] {
            let judged = tokens.authenticate(Credentials { bearer: Some(bad), certificate: None });
            assert_eq!(judged.await, Authentication::Refused);
        }
    }

    #[test]
    fn the_key_set_shows_the_public_key_only() {
        let keys = tokens().key_set();
        assert_eq!(
            (&keys["keys"][0]["alg"], &keys["keys"][0]["d"]),
            (&json!("ES256"), &Json::Null)
        );
        assert!(ServiceAccountTokens::new("nonsense", Env::system()).is_err());
    }
}
