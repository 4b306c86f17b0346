//! Namespaces: when one is deleted, all that it holds goes before the namespace itself.
//!
//! The server marks the namespace as terminating and refuses new objects in it; this controller
//! deletes what is there, tells in conditions what is left, and lets the namespace go when
//! nothing is. It looks again whenever an object of a terminating namespace has gone.

mod conditions;
mod content;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Namespace, NamespaceStatus};
use orchestrator_client::{Api, Client, Informer, KindExt, Patch, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Object, ObjectKey, Status, Verb};
use serde_json::json;

use crate::clock;
use crate::deps::{ControllerDeps, Resources, ServedResource};

/// The finalizer in a namespace's spec that this controller removes.
const FINALIZER: &str = "kubernetes";

/// Empties namespaces that are being deleted.
#[derive(Debug)]
pub struct NamespaceController {
    resources: Resources,
    namespaces: Informer<Namespace>,
    client: Client,
    api: Api<Namespace>,
}

impl NamespaceController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            resources: deps.resources.clone(),
            namespaces: deps.informers.of(),
            client: deps.client().clone(),
            api: deps.client().api(),
        }
    }

    /// All that a namespace may hold, events included.
    fn namespaced(&self) -> Vec<ServedResource> {
        let mut all = self.resources.list();
        all.retain(|r| r.namespaced && r.serves(&[Verb::List, Verb::Delete]));
        all
    }

    async fn write_status(
        &self,
        namespace: &Namespace,
        wanted: NamespaceStatus,
    ) -> Result<(), Status> {
        if namespace.status.as_ref() == Some(&wanted) {
            return Ok(());
        }
        let patch = json!({"metadata": {"uid": namespace.uid()}, "status": wanted});
        self.api.patch_status(&namespace.key(), Patch::Merge(patch)).await.map(drop)
    }

    /// Takes our finalizer away, upon which the server deletes the namespace.
    async fn finalize(&self, namespace: &Namespace) -> Result<(), Status> {
        let mut wanted = Namespace::clone(namespace);
        // The status has just been written, so the version that we know is not the newest.
        wanted.metadata.resource_version = None;
        let finalizers = wanted.spec.get_or_insert_default().finalizers.get_or_insert_default();
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        let body = Object::from_typed(&wanted).map_err(Status::internal)?;
        let request = self.client.request(Verb::Update, gvr::<Namespace>());
        let request = request.object(&namespace.key()).subresource("finalize").body(body);
        self.client.call(request).await.map(drop)
    }
}

/// Whether a namespace waits for this controller.
fn is_ours(namespace: &Namespace) -> bool {
    let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.as_deref());
    namespace.is_terminating() && finalizers.unwrap_or_default().iter().any(|f| f == FINALIZER)
}

/// Whether new objects may be made in a namespace.
pub(crate) fn is_active(namespace: &Namespace) -> bool {
    let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
    !namespace.is_terminating() && phase != Some("Terminating")
}

/// The key of the namespace of a changed object, where the object is called `name`.
pub(crate) fn namespace_of(change: &Change, name: &str) -> Vec<ObjectKey> {
    let key = change.item().map(orchestrator_core::Item::key).filter(|key| key.name == name);
    key.map(|key| ObjectKey::cluster(&*key.namespace)).into_iter().collect()
}

/// The namespace that an object has just gone from, where the namespace is being deleted.
fn emptied(namespaces: &Informer<Namespace>, change: &Change) -> Vec<ObjectKey> {
    let gone = change.old.as_ref().filter(|_| change.new.is_none());
    let key = gone.map(|item| ObjectKey::cluster(item.key().namespace));
    key.filter(|key| namespaces.get(key).is_some_and(|n| is_ours(&n))).into_iter().collect()
}

#[async_trait]
impl Controller for NamespaceController {
    fn name(&self) -> &str {
        "namespace"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let mut watches = vec![WatchSpec::own(gvr::<Namespace>())];
        let watched = self.namespaced().into_iter().filter(|r| r.serves(&[Verb::Watch]));
        watches.extend(watched.map(|resource| {
            let namespaces = self.namespaces.clone();
            WatchSpec::new(resource.gvr, move |change| emptied(&namespaces, change))
        }));
        watches
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(namespace) = self.namespaces.get(key).filter(|namespace| is_ours(namespace))
        else {
            return Ok(Outcome::Done);
        };
        let remains = content::delete_all(&self.client, &key.name, &self.namespaced()).await;
        let before = namespace.status.clone().unwrap_or_default();
        let before = before.conditions.unwrap_or_default();
        let conditions = conditions::conditions(&before, &remains, &clock::now(&cx.env));
        let status =
            NamespaceStatus { phase: Some("Terminating".into()), conditions: Some(conditions) };
        self.write_status(&namespace, status).await?;
        if remains.is_nothing() {
            match self.finalize(&namespace).await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => return Ok(Outcome::Done),
            }
        }
        match remains.failures.into_iter().next() {
            Some(failure) => Err(Status::internal(failure)),
            None => Ok(Outcome::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminating_namespace_with_our_finalizer_is_emptied() {
        let cases = [
            (json!({}), json!(["kubernetes"]), false, true),
            (
                json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}),
                json!(["kubernetes"]),
                true,
                false,
            ),
            (json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}), json!(["x.io/h"]), false, false),
        ];
        for (metadata, finalizers, ours, active) in cases {
            let namespace = json!({"metadata": metadata, "spec": {"finalizers": finalizers}});
            let namespace: Namespace = serde_json::from_value(namespace).unwrap();
            assert_eq!((is_ours(&namespace), is_active(&namespace)), (ours, active));
        }
    }
}
