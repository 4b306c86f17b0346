//! Signing `cluster-info`, by which machines that join know the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use orchestrator_client::{Api, Informer, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, ObjectKey, Status};
use serde_json::json;

use super::token::{NAMESPACE, Token, ends, is_token, signing};
use crate::clock;
use crate::deps::ControllerDeps;

/// Namespace and name of what is signed.
const SIGNED: (&str, &str) = ("kube-public", "cluster-info");
/// The field with the text that is signed.
const TEXT: &str = "kubeconfig";
/// How the fields with signatures begin; the token's id follows.
const SIGNATURE: &str = "jws-kubeconfig-";

/// Keeps the signatures of `cluster-info`.
#[derive(Debug)]
pub struct BootstrapSigner {
    secrets: Informer<Secret>,
    maps: Informer<ConfigMap>,
    api: Api<ConfigMap>,
}

impl BootstrapSigner {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self { secrets: deps.informers.of(), maps: deps.informers.of(), api: deps.client().api() }
    }
}

/// The signature of `text` by a token: a JWS whose text is elsewhere.
fn signature(text: &str, token: &Token) -> Result<String, jsonwebtoken::errors::Error> {
    let header = json!({"alg": "HS256", "kid": token.id}).to_string();
    let [header, payload] = [&header, text].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let key = EncodingKey::from_secret(token.secret.as_bytes());
    let message = format!("{header}.{payload}");
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256)?;
    Ok(format!("{header}..{signature}"))
}

/// The data that the map shall have; `None` where it has it, or has nothing to sign.
fn plan(
    map: &ConfigMap,
    tokens: &[Token],
) -> Result<Option<BTreeMap<String, String>>, jsonwebtoken::errors::Error> {
    let Some(data) = &map.data else { return Ok(None) };
    let Some(text) = data.get(TEXT) else { return Ok(None) };
    let mut wanted = data.clone();
    wanted.retain(|name, _| !name.starts_with(SIGNATURE));
    for token in tokens {
        wanted.insert(format!("{SIGNATURE}{}", token.id), signature(text, token)?);
    }
    Ok(Some(wanted).filter(|wanted| wanted != data))
}

/// The one key, where a token has changed.
fn concerned(change: &Change) -> Vec<ObjectKey> {
    let token = |item: &Option<Item>| {
        item.as_ref().and_then(|item| item.typed::<Secret>().ok()).is_some_and(|s| is_token(&s))
    };
    match token(&change.old) || token(&change.new) {
        true => vec![ObjectKey::new(SIGNED.0, SIGNED.1)],
        false => Vec::new(),
    }
}

#[async_trait]
impl Controller for BootstrapSigner {
    fn name(&self) -> &str {
        "bootstrap-signer"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![
            WatchSpec::new(gvr::<ConfigMap>(), |change| {
                let key = change.item().map(Item::key);
                key.filter(|key| *key == ObjectKey::new(SIGNED.0, SIGNED.1)).into_iter().collect()
            }),
            WatchSpec::new(gvr::<Secret>(), concerned),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(map) = self.maps.get(key) else { return Ok(Outcome::Done) };
        let (secrets, now) = (self.secrets.namespace(NAMESPACE), cx.env.now());
        let tokens: Vec<Token> = secrets.iter().filter_map(|s| signing(s, now)).collect();
        if let Some(data) = plan(&map, &tokens).map_err(Status::internal)? {
            self.api.update(&ConfigMap { data: Some(data), ..(*map).clone() }).await?;
        }
        let signed = secrets.iter().filter(|secret| signing(secret, now).is_some());
        let next: Option<Duration> =
            signed.filter_map(|secret| clock::until(now, ends(secret)?)).min();
        Ok(next.map_or(Outcome::Done, Outcome::RequeueAfter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(data: serde_json::Value) -> ConfigMap {
        serde_json::from_value(json!({"metadata": {}, "data": data})).unwrap()
    }

    #[test]
    fn every_token_signs_and_no_other() {
        let token = |id: &str| Token { id: id.into(), secret: "1234567890123456".into() };
        let unsigned = map(json!({"kubeconfig": "text", "jws-kubeconfig-gone1": "x"}));
        let signed = plan(&unsigned, &[token("abcdef")]).unwrap().unwrap();
        let names: Vec<&str> = signed.keys().map(String::as_str).collect();
        assert_eq!(names, ["jws-kubeconfig-abcdef", "kubeconfig"]);
        let [header, "", signature] = signed[names[0]].split('.').collect::<Vec<_>>()[..] else {
            panic!("not detached")
        };
        let header = BASE64_URL_SAFE_NO_PAD.decode(header).unwrap();
        assert_eq!(String::from_utf8(header).unwrap(), r#"{"alg":"HS256","kid":"abcdef"}"#);
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap().len(), 32);
        let again = map(json!(signed));
        assert_eq!(plan(&again, &[token("abcdef")]).unwrap(), None);
        assert_eq!(plan(&map(json!({"other": "x"})), &[token("abcdef")]).unwrap(), None);
    }
}
