//! The graph of owners and dependents, which is nothing but indexes of the shared caches.

use std::collections::BTreeMap;
use std::sync::Arc;

use orchestrator_client::{Cache, Informers};
use orchestrator_core::controller::Change;
use orchestrator_core::resource::GroupResource;
use orchestrator_core::{Item, Object, ObjectKey};

use super::node::{Node, Owner};
use crate::deps::{Resources, ServedResource, is_events};

/// The index by the uids of all owners.
const INDEX_OWNERS: &str = "owners";
/// The index by uid.
const INDEX_UID: &str = "uid";

/// All resources that can own or be owned, with their caches.
#[derive(Debug)]
pub(super) struct Graph {
    resources: BTreeMap<GroupResource, Vertex>,
    kinds: BTreeMap<(String, String), GroupResource>,
}

/// One resource with its cache.
#[derive(Clone, Debug)]
pub(super) struct Vertex {
    pub resource: ServedResource,
    pub cache: Arc<Cache>,
}

/// An object with the resource that it is of.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub resource: ServedResource,
    pub item: Item,
    pub node: Node,
}

impl Graph {
    /// The graph of all that can be watched and deleted.
    pub(super) fn new(informers: &Informers, resources: &Resources) -> Self {
        let mut graph = Self { resources: BTreeMap::new(), kinds: BTreeMap::new() };
        for resource in resources.deletable() {
            let group_resource = resource.gvr.group_resource();
            if is_events(&group_resource) {
                continue;
            }
            let cache = informers.resource(&resource.gvr);
            cache.add_index(INDEX_OWNERS, owners);
            cache.add_index(INDEX_UID, |object| vec![object.uid().to_owned()]);
            let kind = (resource.gvr.group.to_string(), resource.kind.clone());
            graph.kinds.insert(kind, group_resource.clone());
            graph.resources.insert(group_resource, Vertex { resource, cache });
        }
        graph
    }

    /// All resources of the graph.
    pub(super) fn vertices(&self) -> impl Iterator<Item = &Vertex> {
        self.resources.values()
    }

    /// The resource of an owner's kind.
    pub(super) fn kind(&self, owner: &Owner) -> Option<&Vertex> {
        let resource = self.kinds.get(&(owner.group().to_owned(), owner.kind.clone()))?;
        self.resources.get(resource)
    }

    /// The object of a work queue key.
    pub(super) fn find(&self, key: &ObjectKey) -> Option<Found> {
        let (resource, name) = key.name.split_once('/')?;
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        let group_resource = GroupResource::new(group.to_owned(), plural.to_owned());
        let vertex = self.resources.get(&group_resource)?;
        let item = vertex.cache.get(&ObjectKey::new(&*key.namespace, name))?;
        let node = Node::of(&*item.lean().ok()?);
        Some(Found { resource: vertex.resource.clone(), item, node })
    }

    /// The objects that name `uid` as an owner.
    pub(super) fn dependents(&self, uid: &str) -> Vec<Found> {
        let of = |vertex: &Vertex| {
            let items = vertex.cache.by_index(INDEX_OWNERS, uid);
            let found = items.into_iter().filter_map(|item| {
                let node = Node::of(&*item.lean().ok()?);
                Some(Found { resource: vertex.resource.clone(), item, node })
            });
            found.collect::<Vec<_>>()
        };
        self.resources.values().flat_map(of).collect()
    }

    /// The owner as the cache shows it, where it is in the namespace of its dependent.
    pub(super) fn owner(&self, owner: &Owner, namespace: &str) -> Option<Node> {
        let vertex = self.kind(owner)?;
        let namespace = if vertex.resource.namespaced { namespace } else { "" };
        let item = vertex.cache.get(&ObjectKey::new(namespace, &*owner.name))?;
        let node = Node::of(&*item.lean().ok()?);
        (node.uid == owner.uid).then_some(node)
    }

    /// Whether an owner that is not where it would have to be is somewhere else.
    pub(super) fn is_elsewhere(&self, owner: &Owner) -> bool {
        let vertex = self.kind(owner);
        vertex.is_some_and(|vertex| !vertex.cache.by_index(INDEX_UID, &owner.uid).is_empty())
    }

    /// The keys that a change of an object of `resource` concerns.
    pub(super) fn concerned(&self, resource: &GroupResource, change: &Change) -> Vec<ObjectKey> {
        let node = |item: &Option<Item>| item.as_ref()?.lean().ok().map(|tree| Node::of(&tree));
        let (old, new) = (node(&change.old), node(&change.new));
        if old == new {
            return Vec::new();
        }
        let Some(item) = change.item() else { return Vec::new() };
        let own = key(resource, &item.key());
        let mut keys = Vec::new();
        if let Some(new) = &new
            && (!new.owners.is_empty() || new.deleting)
        {
            keys.push(own);
        }
        let began = |node: &Node| node.waits_for_dependents();
        let begins = new.as_ref().is_some_and(began) && !old.as_ref().is_some_and(began);
        if let Some(present) = new.as_ref().or(old.as_ref())
            && (new.is_none() || begins)
        {
            let dependents = self.dependents(&present.uid);
            keys.extend(dependents.iter().map(Found::key));
        }
        // Owners that wait for this object may have waited long enough.
        let owners = old.iter().flat_map(|node| &node.owners);
        keys.extend(owners.filter_map(|owner| self.waiting_owner(owner, &item.key())));
        keys
    }

    fn waiting_owner(&self, owner: &Owner, dependent: &ObjectKey) -> Option<ObjectKey> {
        let node = self.owner(owner, &dependent.namespace)?;
        let resource = &self.kind(owner)?.resource;
        let namespace = if resource.namespaced { &*dependent.namespace } else { "" };
        let object = ObjectKey::new(namespace, &*owner.name);
        node.waits_for_dependents().then(|| key(&resource.gvr.group_resource(), &object))
    }
}

impl Found {
    /// The work queue key.
    pub(super) fn key(&self) -> ObjectKey {
        key(&self.resource.gvr.group_resource(), &self.item.key())
    }
}

/// The work queue key of an object: its resource stands before its name.
fn key(resource: &GroupResource, object: &ObjectKey) -> ObjectKey {
    ObjectKey::new(&*object.namespace, format!("{resource}/{}", object.name))
}

/// The uids of all owners.
fn owners(object: &Object) -> Vec<String> {
    let uid =
        |owner: &orchestrator_core::object::Map| owner.get("uid")?.as_str().map(str::to_owned);
    object.owner_references().filter_map(uid).collect()
}
