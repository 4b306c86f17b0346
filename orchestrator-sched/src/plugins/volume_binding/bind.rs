//! Binding the volumes of a pod that has a node, before the pod itself is bound.
//!
//! The scheduler says which volume is meant for which claim, and on which node a volume is to be
//! made; the controllers of volumes do the rest, which is waited for. What was decided is decided
//! again from the newest state, so nothing has to be remembered, and a volume that another pod
//! got in between is a conflict that the API reports.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node, ObjectReference, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use orchestrator_client::{Client, Selection};
use orchestrator_core::scheduler::storage::{class_name, volume_name};
use orchestrator_core::scheduler::{NodeInfo, PodInfo, Storage};
use orchestrator_core::service::WatchEvent;
use orchestrator_core::{ObjectKey, Status};

use super::super::pod_claims::{claims, is_bound};
use super::matching::{self, SELECTED_NODE};
use super::{PodClaims, REASON_NONE};
use crate::framework::Refusal;

/// Set on a volume whose claim was chosen by the scheduler, not by whoever made the volume.
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";

/// Binds the claims of `pod` that waited for its node, and waits for the volumes.
pub(super) async fn bind(
    client: &Client,
    pod: &PodInfo,
    node: &str,
    limit: Duration,
) -> Result<(), Refusal> {
    let state = read(client, pod).await.map_err(refused)?;
    let sorted = PodClaims::sort(pod, &state).map_err(Refusal::unresolvable)?;
    if sorted.waiting.is_empty() {
        return Ok(());
    }
    let node = client.api::<Node>().get(&ObjectKey::new("", node)).await.map_err(refused)?;
    let node = NodeInfo::new(node);
    let found = matching::find(&sorted.waiting, &node, &state);
    let found = found.ok_or_else(|| Refusal::resolvable(REASON_NONE))?;
    for (claim, volume) in &found.volumes {
        promise(client, claim, &state.volumes[*volume]).await.map_err(refused)?;
    }
    for claim in &found.missing {
        ask_for_volume(client, claim, &node.name).await.map_err(refused)?;
    }
    let bound = async {
        for claim in &sorted.waiting {
            wait_until_bound(client, claim, &node.name).await?;
        }
        Ok(())
    };
    tokio::select! {
        biased;
        result = bound => result,
        () = client.env().sleep(limit) => {
            Err(Refusal::resolvable("binding volumes: context deadline exceeded"))
        }
    }
}

/// The claims of the pod, and all that could serve those that are not bound.
async fn read(client: &Client, pod: &PodInfo) -> Result<Storage, Status> {
    let mut state = Storage::default();
    for claim in claims(pod) {
        let key = ObjectKey::new(&*pod.key.namespace, claim.name);
        if let Some(claim) = client.api::<PersistentVolumeClaim>().find(&key).await? {
            state.claims.insert(key, claim);
        }
    }
    if state.claims.values().all(|claim| is_bound(claim)) {
        return Ok(state);
    }
    for class in state.claims.values().filter_map(|claim| class_name(claim)) {
        let key = ObjectKey::new("", class);
        if let Some(found) = client.api::<StorageClass>().find(&key).await? {
            state.classes.insert(class.to_owned(), found);
        }
    }
    let volumes = client.api::<PersistentVolume>().list(&Selection::default()).await?;
    for volume in volumes.items {
        state.volumes.insert(volume.metadata.name.clone().unwrap_or_default(), volume);
    }
    Ok(state)
}

/// Sets a volume aside for a claim.
async fn promise(
    client: &Client,
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
) -> Result<(), Status> {
    let mut volume = volume.clone();
    let spec = volume.spec.get_or_insert_default();
    let chosen_before = spec.claim_ref.is_some();
    let reference = spec.claim_ref.get_or_insert_default();
    *reference = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("PersistentVolumeClaim".to_owned()),
        namespace: claim.metadata.namespace.clone(),
        name: claim.metadata.name.clone(),
        uid: claim.metadata.uid.clone(),
        resource_version: claim.metadata.resource_version.clone(),
        ..ObjectReference::default()
    };
    if !chosen_before {
        let annotations = volume.metadata.annotations.get_or_insert_default();
        annotations.insert(BOUND_BY_CONTROLLER.to_owned(), "yes".to_owned());
    }
    client.api().update(&volume).await.map(drop)
}

/// Says on which node a volume is to be made for a claim.
async fn ask_for_volume(
    client: &Client,
    claim: &PersistentVolumeClaim,
    node: &str,
) -> Result<(), Status> {
    let mut claim = claim.clone();
    let annotations = claim.metadata.annotations.get_or_insert_default();
    if annotations.insert(SELECTED_NODE.to_owned(), node.to_owned()).as_deref() == Some(node) {
        return Ok(());
    }
    client.api().update(&claim).await.map(drop)
}

/// Follows a claim until its binding is complete.
///
/// # Errors
/// The claim is gone, or whoever makes volumes gave the node up.
async fn wait_until_bound(
    client: &Client,
    claim: &PersistentVolumeClaim,
    node: &str,
) -> Result<(), Refusal> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let namespace = claim.metadata.namespace.as_deref().unwrap_or_default();
    let fields = format!("metadata.name={name}");
    let this = Selection { fields, ..Selection::namespace(namespace) };
    let api = client.api::<PersistentVolumeClaim>();
    loop {
        let listed = api.list(&this).await.map_err(refused)?;
        match listed.items.first() {
            Some(claim) if is_bound(claim) => return Ok(()),
            Some(claim) => check(claim, node)?,
            None => return Err(gone(name)),
        }
        let mut watch = api.watch(&this, listed.revision).await.map_err(refused)?;
        while let Some(Ok(event)) = watch.events.next().await {
            match event {
                WatchEvent::Added(item) | WatchEvent::Modified(item) => {
                    let claim = item.typed::<PersistentVolumeClaim>();
                    let claim = claim.map_err(|why| Refusal::resolvable(why.to_string()))?;
                    if is_bound(&claim) {
                        return Ok(());
                    }
                    check(&claim, node)?;
                }
                WatchEvent::Deleted(_) => return Err(gone(name)),
                WatchEvent::Bookmark { .. } => {}
            }
        }
        // The watch ended, as watches do; the claim is read again.
    }
}

/// Whether a claim still waits for a volume on this node.
fn check(claim: &PersistentVolumeClaim, node: &str) -> Result<(), Refusal> {
    let annotations = claim.metadata.annotations.as_ref();
    let selected = annotations.and_then(|annotations| annotations.get(SELECTED_NODE));
    match (volume_name(claim), selected) {
        (None, Some(selected)) if selected != node => Err(Refusal::resolvable(format!(
            "selectedNode annotation value {selected:?} not set to {node:?}"
        ))),
        _ => Ok(()),
    }
}

fn gone(name: &str) -> Refusal {
    Refusal::resolvable(format!("persistentvolumeclaim \"{name}\" not found"))
}

fn refused(status: Status) -> Refusal {
    Refusal::resolvable(status.to_string())
}
