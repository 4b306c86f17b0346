//! Garbage collection: objects go when the last of their owners has gone.
//!
//! Three ways to delete an owner end here. *Background*: the owner is gone, its dependents are
//! found to dangle and are deleted. *Foreground*: the owner stays, with a finalizer, until the
//! dependents that block it are gone. *Orphan*: the owner stays, with another finalizer, until no
//! object refers to it.
//!
//! The graph of objects is not kept but read: it is the caches of all resources, custom ones
//! included, with an index by owner. Before an object is deleted its absent owners are looked up in the API, because a
//! cache may be older than they are. `node` holds the decisions, `graph` the lookups.

mod graph;
mod node;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use orchestrator_client::{Client, Informer, Recorder, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::request::{Body, Options, PatchKind};
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Json, ObjectKey, Status, Verb};
use serde_json::json;

use crate::deps::{ControllerDeps, ServedResource};
use crate::manager::is_established;
use graph::{Found, Graph};
use node::{FOREGROUND, Node, ORPHAN, Owner, OwnerState, Verdict, decide};

/// Deletes objects that no owner needs any more.
#[derive(Debug)]
pub struct GarbageCollector {
    graph: Arc<Graph>,
    /// The custom resources, where the API has any.
    definitions: Option<Informer<CustomResourceDefinition>>,
    client: Client,
    recorder: Recorder,
}

impl GarbageCollector {
    /// A collector over all resources that the API serves.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            graph: Arc::new(Graph::new(&deps.informers, &deps.resources)),
            definitions: deps
                .resources
                .serves(&gvr::<CustomResourceDefinition>())
                .then(|| deps.informers.of()),
            client: deps.client().clone(),
            recorder: deps.recorder("garbage-collector-controller"),
        }
    }

    /// Decides about an object by its owners.
    async fn collect(&self, found: &Found) -> Result<(), Status> {
        let Some(states) = self.owner_states(found).await? else { return Ok(()) };
        let dependents = self.graph.dependents(&found.node.uid);
        match decide(&found.node, &states, !dependents.is_empty()) {
            Verdict::Keep => Ok(()),
            Verdict::Disown(uids) => self.disown(found, &uids).await,
            Verdict::Delete(policy) => {
                let circle = dependents.iter().any(|found| found.node.waits_for_dependents());
                if policy == "Foreground" && circle && found.node.owners.iter().any(|o| o.blocks) {
                    self.unblock(found).await?;
                }
                self.delete(found, policy).await
            }
        }
    }

    /// What is known of each owner; `None` where the references are a mistake that no retry
    /// mends.
    async fn owner_states(&self, found: &Found) -> Result<Option<Vec<OwnerState>>, Status> {
        let mut states = Vec::with_capacity(found.node.owners.len());
        for owner in &found.node.owners {
            let Some(vertex) = self.graph.kind(owner) else {
                return self.unknown_kind(owner, found).map(|()| None);
            };
            if vertex.resource.namespaced && !found.resource.namespaced {
                self.report_scope(found, owner);
                return Ok(None);
            }
            states.push(self.owner_state(found, owner, &vertex.resource).await?);
        }
        Ok(Some(states))
    }

    /// A kind that is not served (yet): what it owns is left alone until it is.
    ///
    /// # Errors
    /// It is about to be served.
    fn unknown_kind(&self, owner: &Owner, found: &Found) -> Result<(), Status> {
        let (kind, group) = (owner.kind.as_str(), owner.group());
        let defines = |definition: &&Arc<CustomResourceDefinition>| {
            is_established(definition) && kind_of(definition) == (group.into(), kind.into())
        };
        if self.definitions.iter().flat_map(Informer::list).any(|d| defines(&&d)) {
            return Err(Status::internal(format!("kind {kind} of group {group:?} is not served")));
        }
        tracing::debug!(kind, group, dependent = %found.key(), "owner of unknown kind");
        self.graph.wait_for_kind(owner, found);
        Ok(())
    }

    async fn owner_state(
        &self,
        found: &Found,
        owner: &Owner,
        resource: &ServedResource,
    ) -> Result<OwnerState, Status> {
        let namespace = found.item.key().namespace;
        let node = match self.graph.owner(owner, &namespace) {
            Some(node) => Some(node),
            None => self.live(owner, resource, &namespace).await?,
        };
        Ok(match node {
            Some(node) if node.waits_for_dependents() => OwnerState::Waiting,
            Some(_) => OwnerState::Solid,
            None => {
                if self.graph.is_elsewhere(owner) {
                    self.report_scope(found, owner);
                }
                OwnerState::Dangling
            }
        })
    }

    /// The owner as the API knows it; `None` where it is gone or another one has its name.
    async fn live(
        &self,
        owner: &Owner,
        resource: &ServedResource,
        namespace: &str,
    ) -> Result<Option<Node>, Status> {
        let namespace = if resource.namespaced { namespace } else { "" };
        let key = ObjectKey::new(namespace, &*owner.name);
        let request = self.client.request(Verb::Get, resource.gvr.clone()).object(&key);
        match self.client.call(request).await {
            Ok(response) => match response.body {
                ResponseBody::Object { item, .. } => {
                    let node = Node::of(item.tree().map_err(Status::internal)?);
                    Ok(Some(node).filter(|node| node.uid == owner.uid))
                }
                _ => Err(Status::internal("a single object was expected")),
            },
            Err(status) if status.is_not_found() => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// Lets an owner go that waited for its dependents, when none of them blocks it any more.
    async fn finish_foreground(&self, found: &Found) -> Result<(), Status> {
        let dependents = self.graph.dependents(&found.node.uid);
        match dependents.iter().any(|dependent| dependent.node.blocks(&found.node.uid)) {
            true => Ok(()),
            false => self.remove_finalizer(found, FOREGROUND).await,
        }
    }

    /// Makes orphans of all dependents, then lets the owner go.
    async fn orphan_dependents(&self, found: &Found) -> Result<(), Status> {
        let dependents = self.graph.dependents(&found.node.uid);
        let uids = [found.node.uid.clone()];
        try_join_all(dependents.iter().map(|dependent| self.disown(dependent, &uids))).await?;
        self.remove_finalizer(found, ORPHAN).await
    }

    /// Removes references to owners.
    async fn disown(&self, found: &Found, uids: &[String]) -> Result<(), Status> {
        let tree = found.item.tree().map_err(Status::internal)?;
        let kept: Vec<Json> = tree
            .owner_references()
            .filter(|owner| {
                let uid = owner.get("uid").and_then(Json::as_str).unwrap_or_default();
                !uids.iter().any(|gone| gone == uid)
            })
            .map(|owner| Json::Object(owner.clone()))
            .collect();
        self.patch(found, json!({"ownerReferences": kept})).await
    }

    /// Breaks a circle of objects that wait for each other.
    async fn unblock(&self, found: &Found) -> Result<(), Status> {
        let tree = found.item.tree().map_err(Status::internal)?;
        let unblocked: Vec<Json> = tree
            .owner_references()
            .cloned()
            .map(|mut owner| {
                owner.insert("blockOwnerDeletion".into(), Json::Bool(false));
                Json::Object(owner)
            })
            .collect();
        self.patch(found, json!({"ownerReferences": unblocked})).await
    }

    async fn remove_finalizer(&self, found: &Found, name: &str) -> Result<(), Status> {
        let tree = found.item.tree().map_err(Status::internal)?;
        let kept: Vec<&str> = tree.finalizers().filter(|finalizer| *finalizer != name).collect();
        self.patch(found, json!({"finalizers": kept})).await
    }

    /// Changes metadata, if the object is still the one that the cache shows.
    async fn patch(&self, found: &Found, mut metadata: Json) -> Result<(), Status> {
        metadata["uid"] = Json::from(found.node.uid.as_str());
        metadata["resourceVersion"] = Json::from(found.item.revision().to_string());
        let bytes = json!({"metadata": metadata}).to_string().into();
        let request = self.client.request(Verb::Patch, found.resource.gvr.clone());
        let request = request.object(&found.item.key());
        let body = Body::Patch { bytes, kind: PatchKind::Merge };
        ignore_not_found(self.client.call(request.body(body)).await.map(drop))
    }

    /// Deletes an object, if it is still the one that the cache shows: a new owner may have
    /// been added since.
    async fn delete(&self, found: &Found, policy: &str) -> Result<(), Status> {
        let options = Options {
            propagation_policy: policy.into(),
            precondition_uid: Some(found.node.uid.clone()),
            precondition_resource_version: Some(found.item.revision().to_string()),
            ..Options::default()
        };
        tracing::debug!(object = %found.key(), policy, "collecting garbage");
        let request = self.client.request(Verb::Delete, found.resource.gvr.clone());
        let request = request.object(&found.item.key()).options(options);
        ignore_not_found(self.client.call(request).await.map(drop))
    }

    /// An object refers to an owner that it cannot have.
    fn report_scope(&self, found: &Found, owner: &Owner) {
        let key = found.item.key();
        let dependent = ObjectReference {
            api_version: found.item.tree().ok().map(|tree| tree.api_version().to_owned()),
            kind: Some(found.resource.kind.clone()),
            namespace: Some(key.namespace.to_string()),
            name: Some(key.name.to_string()),
            uid: Some(found.node.uid.clone()),
            ..ObjectReference::default()
        };
        let Owner { api_version, kind, name, uid, .. } = owner;
        let namespace = &key.namespace;
        let message = format!(
            "ownerRef [{api_version}/{kind}, namespace: {namespace}, name: {name}, uid: {uid}] does not exist in namespace \"{namespace}\""
        );
        self.recorder.report(dependent, "Warning", "OwnerRefInvalidNamespace", message);
    }
}

/// Group and kind of what a definition defines.
fn kind_of(definition: &CustomResourceDefinition) -> graph::Kind {
    let spec = &definition.spec;
    (spec.group.clone(), spec.names.kind.clone())
}

/// The objects that waited for the kind of a definition that is established by now.
fn no_longer_unknown(graph: &Graph, change: &Change) -> Vec<ObjectKey> {
    let new = change.new.as_ref().and_then(|item| item.typed().ok());
    let established = new.filter(|definition| is_established(definition));
    established.map(|definition| graph.waited_for(&kind_of(&definition))).unwrap_or_default()
}

fn ignore_not_found(result: Result<(), Status>) -> Result<(), Status> {
    match result {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

#[async_trait]
impl Controller for GarbageCollector {
    fn name(&self) -> &str {
        "garbage-collector"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        self.graph.refresh();
        let watch = |vertex: graph::Vertex| {
            let (graph, resource) = (Arc::clone(&self.graph), vertex.resource.gvr.group_resource());
            WatchSpec::new(vertex.resource.gvr.clone(), move |change| {
                graph.concerned(&resource, change)
            })
        };
        let mut watches: Vec<_> = self.graph.vertices().into_iter().map(watch).collect();
        if self.definitions.is_some() {
            let graph = Arc::clone(&self.graph);
            let definitions = gvr::<CustomResourceDefinition>();
            watches.push(WatchSpec::new(definitions, move |c| no_longer_unknown(&graph, c)));
        }
        watches
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(found) = self.graph.find(key) else { return Ok(Outcome::Done) };
        match &found.node {
            Node { deleting: true, orphan: true, .. } => self.orphan_dependents(&found).await?,
            Node { deleting: true, foreground: true, .. } => self.finish_foreground(&found).await?,
            // Somebody has seen to it already.
            Node { deleting: true, .. } => {}
            _ => self.collect(&found).await?,
        }
        Ok(Outcome::Done)
    }

    fn concurrency(&self) -> usize {
        20
    }
}
