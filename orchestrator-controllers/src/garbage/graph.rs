//! The graph of owners and dependents, which is nothing but indexes of the shared caches.
//!
//! Resources come and go while it is in use; who looks things up sees the state of one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orchestrator_client::{Cache, Informers};
use orchestrator_core::controller::Change;
use orchestrator_core::resource::GroupResource;
use orchestrator_core::{Item, Object, ObjectKey};
use parking_lot::{Mutex, RwLock};

use super::node::{Node, Owner};
use crate::deps::{Resources, ServedResource, is_events};

/// The index by the uids of all owners.
const INDEX_OWNERS: &str = "owners";
/// The index by uid.
const INDEX_UID: &str = "uid";
/// How many objects may wait for kinds that are not served; others are looked at when they change.
const WAITING: usize = 100_000;

/// All resources that can own or be owned, with their caches.
#[derive(Debug)]
pub(super) struct Graph {
    informers: Informers,
    served: Resources,
    state: RwLock<State>,
    /// Objects whose owner is of a kind that is not served, by that kind: they are looked at
    /// again when it is.
    unknown: Mutex<BTreeMap<Kind, BTreeSet<ObjectKey>>>,
}

/// Group and kind.
pub(super) type Kind = (String, String);

#[derive(Debug, Default)]
struct State {
    resources: BTreeMap<GroupResource, Vertex>,
    kinds: BTreeMap<Kind, GroupResource>,
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
    pub(super) fn new(informers: &Informers, served: &Resources) -> Self {
        let (state, unknown) = (RwLock::default(), Mutex::default());
        let graph = Self { informers: informers.clone(), served: served.clone(), state, unknown };
        graph.refresh();
        graph
    }

    /// Takes in what is served now, and leaves out what is not any more.
    pub(super) fn refresh(&self) {
        let mut state = State::default();
        for resource in self.served.deletable() {
            let group_resource = resource.gvr.group_resource();
            if is_events(&group_resource) {
                continue;
            }
            let cache = self.informers.resource(&resource.gvr);
            cache.add_index(INDEX_OWNERS, owners);
            cache.add_index(INDEX_UID, |object| vec![object.uid().to_owned()]);
            let kind = (resource.gvr.group.to_string(), resource.kind.clone());
            state.kinds.insert(kind, group_resource.clone());
            state.resources.insert(group_resource, Vertex { resource, cache });
        }
        *self.state.write() = state;
    }

    /// All resources of the graph.
    pub(super) fn vertices(&self) -> Vec<Vertex> {
        self.state.read().resources.values().cloned().collect()
    }

    fn vertex(&self, resource: &GroupResource) -> Option<Vertex> {
        self.state.read().resources.get(resource).cloned()
    }

    /// The resource of an owner's kind.
    pub(super) fn kind(&self, owner: &Owner) -> Option<Vertex> {
        let state = self.state.read();
        let resource = state.kinds.get(&(owner.group().to_owned(), owner.kind.clone()))?;
        state.resources.get(resource).cloned()
    }

    /// Notes that an object waits for its owner's kind to be served.
    pub(super) fn wait_for_kind(&self, owner: &Owner, found: &Found) {
        let mut unknown = self.unknown.lock();
        let count: usize = unknown.values().map(BTreeSet::len).sum();
        if count < WAITING {
            let kind = (owner.group().to_owned(), owner.kind.clone());
            unknown.entry(kind).or_default().insert(found.key());
        }
    }

    /// The objects that have waited for a kind; they do not any more.
    pub(super) fn waited_for(&self, kind: &Kind) -> Vec<ObjectKey> {
        self.unknown.lock().remove(kind).into_iter().flatten().collect()
    }

    /// The object of a work queue key.
    pub(super) fn find(&self, key: &ObjectKey) -> Option<Found> {
        let (resource, name) = key.name.split_once('/')?;
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        let group_resource = GroupResource::new(group.to_owned(), plural.to_owned());
        let vertex = self.vertex(&group_resource)?;
        let item = vertex.cache.get(&ObjectKey::new(&*key.namespace, name))?;
        let node = Node::of(&*item.lean().ok()?);
        Some(Found { resource: vertex.resource.clone(), item, node })
    }

    /// The objects that name `uid` as an owner.
    pub(super) fn dependents(&self, uid: &str) -> Vec<Found> {
        let of = |vertex: Vertex| {
            let items = vertex.cache.by_index(INDEX_OWNERS, uid);
            let found = items.into_iter().filter_map(|item| {
                let node = Node::of(&*item.lean().ok()?);
                Some(Found { resource: vertex.resource.clone(), item, node })
            });
            found.collect::<Vec<_>>()
        };
        self.vertices().into_iter().flat_map(of).collect()
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
        let resource = self.kind(owner)?.resource;
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
