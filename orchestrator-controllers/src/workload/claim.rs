//! Adoption and release: which objects a workload controls.
//!
//! A workload controls the objects that its selector selects. It adopts matching objects that
//! nobody controls, and lets go of those that it controls but no longer selects.

use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use orchestrator_client::{Client, Kind, KindExt, Patch};
use orchestrator_core::Status;
use serde_json::json;

use super::selector::selects;

/// What to do about one object.
#[derive(Debug, PartialEq)]
enum Step {
    /// It is ours.
    Keep,
    /// It is nobody's and shall be ours.
    Adopt,
    /// It is ours and shall be nobody's.
    Release,
    /// It is not ours.
    Ignore,
}

fn step<K: Kind, T: Kind>(owner: &K, selector: &LabelSelector, object: &T) -> Step {
    let matches = selects(selector, object.metadata().labels.as_ref());
    match object.controller() {
        Some(controller) if controller.uid != owner.uid() => Step::Ignore,
        Some(_) if matches => Step::Keep,
        // An owner on its way out leaves its objects to the garbage collector.
        Some(_) if owner.is_terminating() => Step::Ignore,
        Some(_) => Step::Release,
        None if matches && !owner.is_terminating() && !object.is_terminating() => Step::Adopt,
        None => Step::Ignore,
    }
}

/// Sorts out which of `candidates` belong to `owner`, adopting and releasing as needed; returns
/// those that do. `finalizer` is put on objects that are adopted.
///
/// # Errors
/// The owner is another one by now, or a write failed.
pub(crate) async fn claim<K: Kind, T: Kind>(
    client: &Client,
    owner: &K,
    selector: &LabelSelector,
    candidates: Vec<Arc<T>>,
    finalizer: Option<&str>,
) -> Result<Vec<Arc<T>>, Status> {
    let steps: Vec<Step> =
        candidates.iter().map(|object| step(owner, selector, &**object)).collect();
    if steps.contains(&Step::Adopt) {
        check_alive(client, owner).await?;
    }
    let claims = candidates.into_iter().zip(steps).map(|(object, step)| async move {
        match step {
            Step::Keep => Ok(Some(object)),
            Step::Ignore => Ok(None),
            Step::Adopt => adopt(client, owner, &*object, finalizer).await,
            Step::Release => release(client, owner, &*object, finalizer).await.map(|()| None),
        }
    });
    join_all(claims).await.into_iter().filter_map(Result::transpose).collect()
}

/// The cache may be older than the owner's deletion, so the API is asked before an adoption.
async fn check_alive<K: Kind>(client: &Client, owner: &K) -> Result<(), Status> {
    let live = client.api::<K>().get(&owner.key()).await?;
    let (kind, name) = (K::KIND, owner.name());
    if live.uid() != owner.uid() {
        let why = format!("original {kind} {name} is gone: got uid {}", live.uid());
        return Err(Status::internal(why));
    }
    if live.is_terminating() {
        return Err(Status::internal(format!("{kind} {name} has just been deleted")));
    }
    Ok(())
}

async fn adopt<K: Kind, T: Kind>(
    client: &Client,
    owner: &K,
    object: &T,
    finalizer: Option<&str>,
) -> Result<Option<Arc<T>>, Status> {
    let mut patch = json!({"metadata": {
        "ownerReferences": [owner.controller_reference()], "uid": object.uid()}});
    if let Some(finalizer) = finalizer {
        patch["metadata"]["finalizers"] = json!([finalizer]);
    }
    match client.api::<T>().patch(&object.key(), Patch::Strategic(patch)).await {
        Ok(adopted) => Ok(Some(adopted)),
        Err(status) if is_gone(&status) => Ok(None),
        Err(status) => Err(status),
    }
}

async fn release<K: Kind, T: Kind>(
    client: &Client,
    owner: &K,
    object: &T,
    finalizer: Option<&str>,
) -> Result<(), Status> {
    let mut patch = json!({"metadata": {
        "ownerReferences": [{"$patch": "delete", "uid": owner.uid()}], "uid": object.uid()}});
    if let Some(finalizer) = finalizer {
        patch["metadata"]["$deleteFromPrimitiveList/finalizers"] = json!([finalizer]);
    }
    match client.api::<T>().patch(&object.key(), Patch::Strategic(patch)).await {
        Err(status) if !is_gone(&status) => Err(status),
        _ => Ok(()),
    }
}

/// The object is gone, or another one has its name: the patch carries the uid.
fn is_gone(status: &Status) -> bool {
    status.is_not_found() || status.reason == "Invalid" || status.is_conflict()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::ReplicaSet;
    use k8s_openapi::api::core::v1::Pod;

    fn object<K: Kind>(meta: serde_json::Value) -> K {
        serde_json::from_value(json!({"metadata": meta})).unwrap()
    }

    #[test]
    fn a_workload_controls_what_it_selects_unless_somebody_else_does() {
        let alive: ReplicaSet = object(json!({"name": "rs", "uid": "u"}));
        let dying: ReplicaSet =
            object(json!({"uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"}));
        let selector: LabelSelector =
            serde_json::from_value(json!({"matchLabels": {"a": "1"}})).unwrap();
        let owned = |uid: &str| {
            json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "name": "rs", "uid": uid, "controller": true}])
        };
        let cases = [
            (json!({"labels": {"a": "1"}, "ownerReferences": owned("u")}), Step::Keep, Step::Keep),
            (
                json!({"labels": {"a": "2"}, "ownerReferences": owned("u")}),
                Step::Release,
                Step::Ignore,
            ),
            (
                json!({"labels": {"a": "1"}, "ownerReferences": owned("x")}),
                Step::Ignore,
                Step::Ignore,
            ),
            (json!({"labels": {"a": "1"}}), Step::Adopt, Step::Ignore),
            (json!({"labels": {"a": "2"}}), Step::Ignore, Step::Ignore),
            (
                json!({"labels": {"a": "1"}, "deletionTimestamp": "2026-01-01T00:00:00Z"}),
                Step::Ignore,
                Step::Ignore,
            ),
        ];
        for (meta, want_alive, want_dying) in cases {
            let pod: Pod = object(meta.clone());
            assert_eq!(step(&alive, &selector, &pod), want_alive, "{meta}");
            assert_eq!(step(&dying, &selector, &pod), want_dying, "{meta}");
        }
    }
}
