//! Secrets that ask for the token of a ServiceAccount get one, and go with the account.
//!
//! The token is one that the API server issues, bound to the Secret: it ends when the Secret does.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use orchestrator_client::{Api, DeleteOptions, Informer, KindExt, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, Object, ObjectKey, Status};
use serde_json::json;

use crate::deps::ControllerDeps;

/// The type of these Secrets.
const SECRET_TYPE: &str = "kubernetes.io/service-account-token";
/// The annotation with the account's name.
const ACCOUNT: &str = "kubernetes.io/service-account.name";
/// The annotation with the account's uid.
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
/// The index of these Secrets by their account, as `namespace/name`.
const INDEX_ACCOUNT: &str = "account";
/// As long as can be asked for: the token ends with its Secret.
const LIFE_S: u64 = 1 << 32;

/// Gives Secrets the tokens that they ask for.
#[derive(Debug)]
pub struct ServiceAccountTokenController {
    secrets: Informer<Secret>,
    accounts: Informer<ServiceAccount>,
    api: Api<Secret>,
    account_api: Api<ServiceAccount>,
    root_ca: String,
}

/// What is to be done about a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It asks for nothing, or has all.
    Nothing,
    /// Its account is gone.
    Delete,
    /// It lacks something; the token too, if this says so.
    Fill { token: bool },
}

fn text<'s>(secret: &'s Secret, field: &str) -> Option<&'s [u8]> {
    secret.data.as_ref()?.get(field).map(|value| value.0.as_slice())
}

fn step(secret: &Secret, account: Option<&ServiceAccount>, root_ca: &str) -> Step {
    let asks = secret.type_.as_deref() == Some(SECRET_TYPE);
    if !asks || secret.annotation(ACCOUNT).is_none() || secret.is_terminating() {
        return Step::Nothing;
    }
    let uid = secret.annotation(ACCOUNT_UID).unwrap_or_default();
    let Some(account) = account.filter(|account| uid.is_empty() || account.uid() == uid) else {
        return Step::Delete;
    };
    let token = text(secret, "token").is_none_or(<[u8]>::is_empty);
    let certificates = !root_ca.is_empty() && text(secret, "ca.crt") != Some(root_ca.as_bytes());
    let namespace = text(secret, "namespace") != Some(secret.namespace().as_bytes());
    match token || certificates || namespace || uid != account.uid() {
        true => Step::Fill { token },
        false => Step::Nothing,
    }
}

/// The Secret with what it asks for.
fn filled(
    secret: &Secret,
    account: &ServiceAccount,
    root_ca: &str,
    token: Option<String>,
) -> Secret {
    let mut secret = secret.clone();
    let annotations = secret.metadata.annotations.get_or_insert_default();
    annotations.insert(ACCOUNT_UID.into(), account.uid().into());
    let namespace = account.namespace().as_bytes().to_vec();
    let data: &mut BTreeMap<String, ByteString> = secret.data.get_or_insert_default();
    data.insert("namespace".into(), ByteString(namespace));
    if !root_ca.is_empty() {
        data.insert("ca.crt".into(), ByteString(root_ca.as_bytes().to_vec()));
    }
    if let Some(token) = token {
        data.insert("token".into(), ByteString(token.into_bytes()));
    }
    secret
}

impl ServiceAccountTokenController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let secrets = deps.informers.of::<Secret>();
        secrets.add_index(INDEX_ACCOUNT, account_of);
        Self {
            secrets,
            accounts: deps.informers.of(),
            api: deps.client().api(),
            account_api: deps.client().api(),
            root_ca: deps.config.root_ca.clone(),
        }
    }

    /// The account as the cache shows it, or as the API does where it shows none: a Secret is
    /// deleted only where there is no account.
    async fn account(&self, key: &ObjectKey) -> Result<Option<Arc<ServiceAccount>>, Status> {
        match self.accounts.get(key) {
            Some(account) => Ok(Some(account)),
            None => self.account_api.find(key).await,
        }
    }

    async fn token(&self, account: &ServiceAccount, secret: &Secret) -> Result<String, Status> {
        let request: Object = serde_json::from_value(json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {},
            "spec": {"audiences": [], "expirationSeconds": LIFE_S, "boundObjectRef": {
                "apiVersion": "v1", "kind": "Secret", "name": secret.name(), "uid": secret.uid()}},
        }))
        .map_err(Status::internal)?;
        let answer = self.account_api.create_sub(&account.key(), "token", request).await?;
        match answer.text_at(&["status", "token"]) {
            "" => Err(Status::internal("the server issued no token")),
            token => Ok(token.to_owned()),
        }
    }
}

/// The values of [`INDEX_ACCOUNT`].
fn account_of(secret: &Object) -> Vec<String> {
    let name = secret.text_at(&["metadata", "annotations", ACCOUNT]);
    match secret.text_at(&["type"]) == SECRET_TYPE && !name.is_empty() {
        true => vec![format!("{}/{name}", secret.namespace())],
        false => Vec::new(),
    }
}

/// The Secrets of an account that has come or gone.
fn secrets_of(secrets: &Informer<Secret>, change: &Change) -> Vec<ObjectKey> {
    let uid = |item: &Option<Item>| Some(item.as_ref()?.lean().ok()?.uid().to_owned());
    if uid(&change.old) == uid(&change.new) {
        return Vec::new();
    }
    let Some(key) = change.item().map(Item::key) else { return Vec::new() };
    let found = secrets.by_index(INDEX_ACCOUNT, &format!("{}/{}", key.namespace, key.name));
    found.iter().map(|secret| secret.key()).collect()
}

#[async_trait]
impl Controller for ServiceAccountTokenController {
    fn name(&self) -> &str {
        "serviceaccount-token"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let secrets = self.secrets.clone();
        vec![
            WatchSpec::own(gvr::<Secret>()),
            WatchSpec::new(gvr::<ServiceAccount>(), move |change| secrets_of(&secrets, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(secret) = self.secrets.get(key) else { return Ok(Outcome::Done) };
        if secret.type_.as_deref() != Some(SECRET_TYPE) {
            return Ok(Outcome::Done);
        }
        let name = secret.annotation(ACCOUNT).unwrap_or_default().to_owned();
        let account = self.account(&ObjectKey::new(key.namespace.clone(), name)).await?;
        match (step(&secret, account.as_deref(), &self.root_ca), account) {
            (Step::Delete, _) => {
                let deleted = self.api.delete(key, &DeleteOptions::uid(secret.uid())).await;
                deleted
                    .or_else(|status| if status.is_not_found() { Ok(()) } else { Err(status) })?;
            }
            (Step::Fill { token }, Some(account)) => {
                let token = match token {
                    true => Some(self.token(&account, &secret).await?),
                    false => None,
                };
                self.api.update(&filled(&secret, &account, &self.root_ca, token)).await?;
            }
            _ => {}
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_filled_once_and_goes_with_its_account() {
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"namespace": "n", "name": "s", "annotations": {ACCOUNT: "a"}},
            "type": SECRET_TYPE}))
        .unwrap();
        let account = |uid: &str| -> ServiceAccount {
            let metadata = json!({"namespace": "n", "name": "a", "uid": uid});
            serde_json::from_value(json!({"metadata": metadata})).unwrap()
        };
        let own = account("u");
        assert_eq!(step(&secret, Some(&own), "PEM"), Step::Fill { token: true });
        assert_eq!(step(&secret, None, "PEM"), Step::Delete);
        let full = filled(&secret, &own, "PEM", Some("t".into()));
        assert_eq!(step(&full, Some(&own), "PEM"), Step::Nothing);
        assert_eq!(step(&full, Some(&own), "NEW"), Step::Fill { token: false });
        assert_eq!(step(&full, Some(&account("other")), "PEM"), Step::Delete);
        let other = Secret { type_: Some("Opaque".into()), ..secret };
        assert_eq!(step(&other, None, "PEM"), Step::Nothing);
    }
}
