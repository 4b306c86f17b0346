//! Sources: the objects that pods refer to, from caches that are made when the first pod needs
//! them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolume, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use orchestrator_client::{Kind, KindExt};
use orchestrator_core::{Object, ObjectKey, Status};
use serde_json::json;

use super::context::Context;
use super::pods::Pods;
use crate::material::{Material, References, TokenRequest};

/// A token with the time at which a new one is due.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) value: String,
    pub(super) refresh_at: Timestamp,
}

/// The tokens that a pod has.
pub(super) type Tokens = BTreeMap<TokenRequest, Token>;

/// Tells workers when what their pods refer to changes.
pub(super) fn follow(context: &Arc<Context>, pods: &Arc<Pods>) {
    if !context.is_real() {
        return;
    }
    let (maps, secrets) = (Arc::downgrade(pods), Arc::downgrade(pods));
    context.informers.of::<ConfigMap>().on_change(Arc::new(move |change| {
        if let (Some(pods), Some(item)) = (maps.upgrade(), change.item()) {
            pods.source_changed(&item.key(), |references, name| {
                references.config_maps.contains(name)
            });
        }
    }));
    context.informers.of::<Secret>().on_change(Arc::new(move |change| {
        if let (Some(pods), Some(item)) = (secrets.upgrade(), change.item()) {
            pods.source_changed(&item.key(), |references, name| references.secrets.contains(name));
        }
    }));
}

/// What the pod refers to; `tokens` are renewed where they are due.
///
/// # Errors
/// The API's; what is missing is no error here.
pub(super) async fn material(
    context: &Context,
    pod: &Pod,
    tokens: &mut Tokens,
) -> Result<Material, Status> {
    let references = References::of(pod);
    let mut material = Material {
        host_ips: context.node.addresses.clone(),
        allocatable: context.allocatable(),
        ..Material::default()
    };
    for name in references.config_maps {
        if let Some(found) = find::<ConfigMap>(context, pod, &name).await? {
            material.config_maps.insert(name, found);
        }
    }
    for name in references.secrets {
        if let Some(found) = find::<Secret>(context, pod, &name).await? {
            material.secrets.insert(name, found);
        }
    }
    for name in references.claims {
        if let Some(place) = claim(context, pod, &name).await? {
            material.claims.insert(name, place);
        }
    }
    for request in references.tokens {
        let value = token(context, pod, &request, tokens).await?;
        material.tokens.insert(request, value);
    }
    Ok(material)
}

/// The services that the environment of the pod's containers tells of.
pub(super) async fn services(context: &Context, pod: &Pod) -> Vec<Arc<Service>> {
    let services = context.informers.of::<Service>();
    services.synced().await;
    let mut found = services.namespace(pod.namespace());
    if pod.namespace() != "default" {
        found.extend(services.get(&ObjectKey::new("default", "kubernetes")));
    }
    found
}

/// From the cache; what is not there may be too new for it, so the API is asked.
async fn find<K: Kind>(context: &Context, pod: &Pod, name: &str) -> Result<Option<Arc<K>>, Status> {
    let informer = context.informers.of::<K>();
    informer.synced().await;
    let key = ObjectKey::new(pod.namespace(), name);
    match informer.get(&key) {
        Some(found) => Ok(Some(found)),
        None => context.client.api::<K>().find(&key).await,
    }
}

/// Where the volume of a claim is on this node; `None` without such a claim.
async fn claim(
    context: &Context,
    pod: &Pod,
    name: &str,
) -> Result<Option<Result<PathBuf, String>>, Status> {
    let key = ObjectKey::new(pod.namespace(), name);
    let claim = context.client.api::<PersistentVolumeClaim>().find(&key).await?;
    let Some(claim) = claim else { return Ok(None) };
    let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone());
    let Some(volume) = volume.filter(|name| !name.is_empty()) else {
        return Ok(Some(Err(format!("persistentvolumeclaim {name:?} is not bound"))));
    };
    let key = ObjectKey::cluster(volume.as_str());
    let found = context.client.api::<PersistentVolume>().find(&key).await?;
    let spec = found.as_ref().and_then(|found| found.spec.as_ref());
    let local = spec.and_then(|spec| spec.local.as_ref()).map(|local| local.path.clone());
    let host = || spec.and_then(|spec| spec.host_path.as_ref()).map(|host| host.path.clone());
    Ok(Some(match local.or_else(host) {
        Some(path) if Path::new(&path).exists() => Ok(PathBuf::from(path)),
        Some(path) => Err(format!("path {path:?} of persistentvolume {volume:?} does not exist")),
        None => {
            Err(format!("persistentvolume {volume:?} is of a type that this node does not know"))
        }
    }))
}

async fn token(
    context: &Context,
    pod: &Pod,
    request: &TokenRequest,
    tokens: &mut Tokens,
) -> Result<String, Status> {
    let now = context.env.now();
    if let Some(token) = tokens.get(request).filter(|token| token.refresh_at > now) {
        return Ok(token.value.clone());
    }
    let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref());
    let key = ObjectKey::new(pod.namespace(), account.unwrap_or("default"));
    let bound = json!({"apiVersion": "v1", "kind": "Pod", "name": pod.name(), "uid": pod.uid()});
    let audiences: Vec<&str> = Some(request.audience.as_str())
        .filter(|audience| !audience.is_empty())
        .into_iter()
        .collect();
    let mut body = Object::new("authentication.k8s.io/v1", "TokenRequest");
    body.set(
        "spec",
        json!({"audiences": audiences, "expirationSeconds": request.seconds,
            "boundObjectRef": bound}),
    );
    let api = context.client.api::<ServiceAccount>();
    let answer = api.create_sub(&key, "token", body).await?;
    let value = answer.text_at(&["status", "token"]).to_owned();
    let expires: Option<Timestamp> =
        answer.text_at(&["status", "expirationTimestamp"]).parse().ok();
    // A new one is due when four fifths of the time are over, as the kubelet does.
    let seconds = expires.map_or(request.seconds, |expires| expires.duration_since(now).as_secs());
    let after = std::time::Duration::from_secs(u64::try_from(seconds * 4 / 5).unwrap_or_default());
    let refresh_at = now.saturating_add(after).unwrap_or(Timestamp::MAX);
    tokens.insert(request.clone(), Token { value: value.clone(), refresh_at });
    Ok(value)
}
