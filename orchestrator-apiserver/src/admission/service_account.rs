//! `ServiceAccount`: every pod acts as an account, and finds that account's token in its files.

use std::sync::LazyLock;

use async_trait::async_trait;
use orchestrator_core::object::Object;
use orchestrator_core::{GroupVersionResource, Json, Status};
use serde_json::json;

use super::pod::{CONTAINER_LISTS, MIRROR, containers_mut, list_mut};
use super::{Admission, AdmissionRequest, Operation};

/// Where containers find the token.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the names of the volumes with the token begin with.
const VOLUME_PREFIX: &str = "kube-api-access-";

/// How long the token is valid, in seconds: an hour and a little, by which such tokens are known.
const TOKEN_EXPIRATION_S: i64 = 3607;

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceAccount;

#[async_trait]
impl Admission for ServiceAccount {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Create && request.is_for("", "pods")
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if request.object.annotation(MIRROR).is_some() {
            return check_mirror(request);
        }
        let name = match request.object.text_at(&["spec", "serviceAccountName"]) {
            "" => "default".to_owned(),
            name => name.to_owned(),
        };
        let gvr = GroupVersionResource::new("", "v1", "serviceaccounts");
        let Some(account) = request.objects.get(&gvr, request.namespace, &name).await? else {
            return Err(request.forbidden(format!(
                "error looking up service account {}/{name}: serviceaccount {name:?} not found",
                request.namespace
            )));
        };
        let account = account.tree().map_err(Status::internal)?;
        let spec = request.object.map_mut("spec");
        spec.insert("serviceAccountName".into(), Json::from(name.as_str()));
        spec.insert("serviceAccount".into(), Json::from(name));
        let own_secrets = spec.get("imagePullSecrets").and_then(Json::as_array);
        if own_secrets.is_none_or(Vec::is_empty)
            && let Some(secrets) = account.get("imagePullSecrets")
        {
            spec.insert("imagePullSecrets".into(), secrets.clone());
        }
        if mounts_token(&request.object, account) {
            let suffix = || request.env.suffix(5);
            mount_token(&mut request.object, suffix);
        }
        Ok(())
    }
}

/// A pod that a node runs by itself has no account, and no secrets.
fn check_mirror(request: &AdmissionRequest<'_>) -> Result<(), Status> {
    if !request.object.text_at(&["spec", "serviceAccountName"]).is_empty() {
        return Err(request.forbidden("a mirror pod may not reference service accounts"));
    }
    let volumes = request.object.at(&["spec", "volumes"]).and_then(Json::as_array);
    let has_secret = |volume: &Json| volume.get("secret").is_some_and(Json::is_object);
    match volumes.is_some_and(|volumes| volumes.iter().any(has_secret)) {
        true => Err(request.forbidden("a mirror pod may not reference secrets")),
        false => Ok(()),
    }
}

fn mounts_token(pod: &Object, account: &Object) -> bool {
    let own = pod.at(&["spec", "automountServiceAccountToken"]).and_then(Json::as_bool);
    let accounts = account.get("automountServiceAccountToken").and_then(Json::as_bool);
    own.or(accounts).unwrap_or(true)
}

fn mount_token(pod: &mut Object, suffix: impl Fn() -> String) {
    let volumes = pod.at(&["spec", "volumes"]).and_then(Json::as_array);
    let mut names = volumes.into_iter().flatten().filter_map(|volume| volume.get("name")?.as_str());
    let known = names.find(|name| name.starts_with(VOLUME_PREFIX)).map(str::to_owned);
    let name = known.clone().unwrap_or_else(|| format!("{VOLUME_PREFIX}{}", suffix()));
    let mut mounted = false;
    for list in CONTAINER_LISTS {
        for container in containers_mut(pod, list) {
            let mounts = list_mut(container, "volumeMounts");
            let is_there =
                |mount: &Json| mount.get("mountPath").and_then(Json::as_str) == Some(MOUNT_PATH);
            if !mounts.iter().any(is_there) {
                mounts.push(named(&TOKEN_MOUNT, &name));
                mounted = true;
            }
        }
    }
    if mounted && known.is_none() {
        list_mut(pod.map_mut("spec"), "volumes").push(named(&TOKEN_VOLUME, &name));
    }
}

/// The volume with the token, the certificate to know the server by, and the namespace; every
/// pod gets a copy under a name of its own.
static TOKEN_VOLUME: LazyLock<Json> = LazyLock::new(|| {
    let namespace = json!({"apiVersion": "v1", "fieldPath": "metadata.namespace"});
    json!({"name": "", "projected": {"defaultMode": 0o644, "sources": [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_EXPIRATION_S, "path": "token"}},
        {"configMap": {
            "name": "kube-root-ca.crt",
            "items": [{"key": "ca.crt", "path": "ca.crt"}],
        }},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": namespace}]}},
    ]}})
});

/// The place of that volume in a container.
static TOKEN_MOUNT: LazyLock<Json> =
    LazyLock::new(|| json!({"name": "", "readOnly": true, "mountPath": MOUNT_PATH}));

/// A copy of `tree` under a name.
fn named(tree: &Json, name: &str) -> Json {
    let mut copy = tree.clone();
    copy["name"] = name.into();
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_brings_its_own_token_keeps_it() {
        let mut pod: Object = serde_json::from_value(json!({"spec": {"containers": [
            {"name": "a"},
            {"name": "b", "volumeMounts": [{"name": "own", "mountPath": MOUNT_PATH}]},
        ]}}))
        .unwrap();
        mount_token(&mut pod, || "xyz".into());
        let pod = pod.into_json();
        let mount = &pod["spec"]["containers"][0]["volumeMounts"][0];
        assert_eq!(mount["name"], "kube-api-access-xyz");
        assert_eq!(pod["spec"]["containers"][1]["volumeMounts"].as_array().unwrap().len(), 1);
        assert_eq!(pod["spec"]["volumes"][0]["name"], "kube-api-access-xyz");
    }

    #[test]
    fn the_pod_has_the_last_word_on_its_token() {
        let said = |flag: Json| -> Object {
            serde_json::from_value(json!({"automountServiceAccountToken": flag,
                "spec": {"automountServiceAccountToken": flag}}))
            .unwrap()
        };
        let (yes, no, nothing) = (said(json!(true)), said(json!(false)), said(Json::Null));
        assert!(mounts_token(&nothing, &nothing));
        assert!(!mounts_token(&nothing, &no));
        assert!(mounts_token(&yes, &no));
        assert!(!mounts_token(&no, &yes));
    }
}
