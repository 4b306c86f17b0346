//! Sources: the objects that pods refer to, from caches that are made when the first pod needs
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount};
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
