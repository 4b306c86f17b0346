//! Mirrors: the API's view of static pods.
//!
//! A mirror is a pod of the same name that nobody runs: it carries the hash of the manifest, is
//! owned by the node, and shows the status. One that is deleted, or shows another manifest, is
//! replaced as long as the manifest is there.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::{DeleteOptions, KindExt};
use orchestrator_core::{ObjectKey, Status};

use super::context::Context;
use super::statics::HASH;

/// The annotation that makes a pod a mirror; it holds the hash of the manifest.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Whether a pod of the API is a mirror, which is not to be run.
pub(super) fn is_mirror(pod: &Pod) -> bool {
    pod.annotation(MIRROR).is_some()
}

/// Whether a pod comes from a manifest of this node.
pub(super) fn is_static(pod: &Pod) -> bool {
    pod.annotation(HASH).is_some() && !is_mirror(pod)
}

/// The mirror of `pod`, made or replaced where that is due.
///
/// # Errors
/// The API's.
pub(super) async fn ensure(
    context: &Context,
    pod: &Pod,
    present: Option<Arc<Pod>>,
) -> Result<Arc<Pod>, Status> {
    if let Some(present) = present {
        if present.annotation(MIRROR) == pod.annotation(HASH) && !present.is_terminating() {
            return Ok(present);
        }
        remove(context, &present).await?;
    }
    let key = ObjectKey::cluster(context.node.name.as_str());
    let node = context.nodes.get(&key);
    let node = node.ok_or_else(|| Status::unavailable("the node is not registered yet"))?;
    match context.pods().create(&mirror_of(pod, &node)).await {
        Err(status) if status.is_already_exists() => {
            let other = context.pods().get(&pod.key()).await?;
            if other.annotation(MIRROR) == pod.annotation(HASH) && !other.is_terminating() {
                return Ok(other);
            }
            remove(context, &other).await?;
            context.pods().create(&mirror_of(pod, &node)).await
        }
        made => made,
    }
}

/// Deletes a mirror at once: nobody runs it.
///
/// # Errors
/// The API's.
pub(super) async fn remove(context: &Context, mirror: &Pod) -> Result<(), Status> {
    if !is_mirror(mirror) {
        let why = format!("a pod named {:?} is there and is no mirror", mirror.name());
        return Err(Status::new(409, "Conflict", why));
    }
    let options = DeleteOptions::uid(mirror.uid()).grace(0);
    match context.pods().delete(&mirror.key(), &options).await {
        Err(status) if status.is_not_found() || status.is_conflict() => Ok(()),
        other => other,
    }
}

fn mirror_of(pod: &Pod, node: &Node) -> Pod {
    let meta = &pod.metadata;
    let mut annotations = meta.annotations.clone().unwrap_or_default();
    if let Some(hash) = pod.annotation(HASH) {
        annotations.insert(MIRROR.into(), hash.into());
    }
    let mut owner = node.controller_reference();
    owner.block_owner_deletion = None;
    Pod {
        metadata: ObjectMeta {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            labels: meta.labels.clone(),
            annotations: Some(annotations),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: pod.spec.clone(),
        status: None,
    }
}
