use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use jsonwebtoken::{EncodingKey, Header};
use orchestrator_wire::listener::{Face, Serving, serve};
use rcgen::KeyPair;
use serde_json::json;

use super::*;
use crate::authn::service_account::jwk;
use crate::tls::{Pki, server_config};

/// An issuer of tokens, as small as one can be.
#[derive(Clone)]
struct Issuer {
    env: Env,
    key: Arc<KeyPair>,
}

impl Face for Issuer {
    type Body = Full<Bytes>;

    fn env(&self) -> &Env {
        &self.env
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        _: Option<Arc<UserInfo>>,
    ) -> Response<Full<Bytes>> {
        let host = request.headers()[http::header::HOST].to_str().unwrap().to_owned();
        let document = match request.uri().path() {
            "/.well-known/openid-configuration" => json!({
                "issuer": format!("https://{host}"), "jwks_uri": format!("https://{host}/keys"),
            }),
            "/keys" => json!({"keys": [jwk(&self.key, "one").unwrap()]}),
            other => panic!("{other}"),
        };
        Response::new(Full::from(document.to_string()))
    }
}

impl Issuer {
    fn sign(&self, id: &str, claims: &Json) -> String {
        let header = Header { kid: Some(id.into()), ..Header::new(Algorithm::ES256) };
        let key = EncodingKey::from_ec_pem(self.key.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }
}

async fn start() -> (Issuer, Serving, OidcConfig) {
    let env = Env::system();
    let pki = Pki::in_memory(&env).unwrap();
    let issuer = Issuer { env, key: Arc::new(KeyPair::generate().unwrap()) };
    let tls = server_config(&pki, &[]).unwrap();
    let serving = serve(issuer.clone(), tls, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut config = OidcConfig::new(serving.url(), "cluster");
    config.algorithms = vec![Algorithm::ES256];
    config.trust = Trust::authorities(pki.ca_certificate());
    config.groups_claim = Some("groups".into());
    config.groups_prefix = "oidc:".into();
    (issuer, serving, config)
}

async fn judge(oidc: &Oidc, token: &str) -> Authentication {
    oidc.authenticate(Credentials { bearer: Some(token), ..Credentials::default() }).await
}

#[tokio::test]
async fn a_token_of_the_issuer_makes_a_user() {
    let (issuer, serving, config) = start().await;
    let oidc = Oidc::new(config, Env::system()).unwrap();
    let url = serving.url();
    let now = issuer.env.now().as_second();
    let claims = json!({"iss": url, "aud": "cluster", "sub": "jane", "exp": now + 60,
        "groups": ["dev"], "jti": "j"});
    let Authentication::Known(jane) = judge(&oidc, &issuer.sign("one", &claims)).await else {
        panic!("jane is known")
    };
    assert_eq!(jane.name, format!("{url}#jane"));
    assert_eq!(jane.groups, ["oidc:dev", UserInfo::AUTHENTICATED]);
    let with = |name: &str, value: Json| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    for wrong in [with("aud", json!("other")), with("exp", json!(now - 60)), with("sub", json!(""))]
    {
        assert_eq!(judge(&oidc, &issuer.sign("one", &wrong)).await, Authentication::Refused);
    }
    assert_eq!(judge(&oidc, &issuer.sign("two", &claims)).await, Authentication::Refused);
    let stranger = Issuer { key: Arc::new(KeyPair::generate().unwrap()), ..issuer.clone() };
    assert_eq!(judge(&oidc, &stranger.sign("one", &claims)).await, Authentication::Refused);
    let elsewhere = issuer.sign("one", &with("iss", json!("https://other")));
    assert_eq!(judge(&oidc, &elsewhere).await, Authentication::Abstain);
    assert_eq!(judge(&oidc, "no token").await, Authentication::Abstain);
}

#[test]
fn claims_are_mapped_as_configured() {
    let mut config = OidcConfig::new("https://i", "cluster");
    config.username_claim = "email".into();
    config.required_claims.insert("tenant".into(), "t".into());
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let name = |config: &OidcConfig, more: Json| {
        let mut claims = json!({"iss": "https://i", "aud": ["x", "cluster"], "tenant": "t",
            "email": "jane@example.com", "exp": 1_800_000_000});
        for (key, value) in more.as_object().unwrap() {
            claims[key.as_str()] = value.clone();
        }
        config.user(&claims, now).map(|user| user.name)
    };
    assert_eq!(name(&config, json!({})).as_deref(), Some("jane@example.com"));
    assert_eq!(name(&config, json!({"email_verified": false})), None);
    assert_eq!(name(&config, json!({"tenant": "u"})), None);
    assert_eq!(name(&config, json!({"nbf": 1_799_000_000})), None);
    config.username_prefix = Some("o:".into());
    assert_eq!(name(&config, json!({})).as_deref(), Some("o:jane@example.com"));
    config.username_claim = "sub".into();
    config.username_prefix = None;
    assert_eq!(name(&config, json!({"sub": "j"})).as_deref(), Some("https://i#j"));
    config.username_prefix = Some("-".into());
    assert_eq!(name(&config, json!({"sub": "j"})).as_deref(), Some("j"));
}
