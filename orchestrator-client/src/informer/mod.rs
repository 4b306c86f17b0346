//! Informers: caches that follow a collection, shared by all who watch the same one.
//!
//! One task per (resource, field selector) lists, then watches, and applies each change to a
//! [`Cache`] in order. A cache knows the revision it has reached, so a reader can wait until it
//! has [seen](Cache::seen) a write. Nothing is polled and nothing is resynced: a watch that ends
//! is resumed where it stopped, and only a revision that is gone leads to a new list.

mod cache;
mod content;
mod reflector;
mod typed;

pub use cache::{Cache, ChangeHandler, INDEX_OWNER, IndexFn};
pub use typed::Informer;

use std::collections::BTreeMap;
use std::sync::Arc;

use orchestrator_core::GroupVersionResource;
use orchestrator_core::env::Tasks;
use parking_lot::Mutex;

use crate::{Client, Kind, gvr};

/// The shared informers of one part of a plane; dropping the last clone ends their tasks.
#[derive(Clone, Debug)]
pub struct Informers {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    caches: BTreeMap<(GroupVersionResource, String), Arc<Cache>>,
    tasks: Tasks,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.state.get_mut().caches.values().for_each(|cache| cache.close());
    }
}

impl Informers {
    /// No informers yet; each starts when it is first asked for.
    pub fn new(client: Client) -> Self {
        Self { inner: Arc::new(Inner { client, state: Mutex::default() }) }
    }

    /// The client that the informers read with.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// All objects of type `K`.
    pub fn of<K: Kind>(&self) -> Informer<K> {
        self.selected("")
    }

    /// The objects of type `K` that a field selector selects.
    pub fn selected<K: Kind>(&self, field_selector: &str) -> Informer<K> {
        Informer::new(self.cache(gvr::<K>(), field_selector))
    }

    /// All objects of a resource, untyped.
    pub fn resource(&self, resource: &GroupVersionResource) -> Arc<Cache> {
        self.cache(resource.clone(), "")
    }

    /// The cache of all objects of a resource, if somebody asked for it.
    pub fn existing(&self, resource: &GroupVersionResource) -> Option<Arc<Cache>> {
        self.inner.state.lock().caches.get(&(resource.clone(), String::new())).cloned()
    }

    fn cache(&self, resource: GroupVersionResource, fields: &str) -> Arc<Cache> {
        let mut state = self.inner.state.lock();
        let key = (resource, fields.to_owned());
        if let Some(cache) = state.caches.get(&key) {
            return Arc::clone(cache);
        }
        let cache = Arc::new(Cache::new());
        let client = self.inner.client.clone();
        let (resource, fields) = key.clone();
        let reflector = reflector::Reflector::new(client, resource, fields, Arc::clone(&cache));
        let task = self.inner.client.env().spawn("informer", reflector.run());
        state.tasks.push(task);
        state.caches.insert(key, Arc::clone(&cache));
        cache
    }

    /// Ends all informers and lets go of their handlers; the caches stay as they are.
    ///
    /// Handlers tend to hold informers, which hold the caches, which hold the handlers: whoever
    /// owns a set of parts closes their informers when the parts end, so that nothing is left.
    pub fn close(&self) {
        let (caches, tasks) = {
            let mut state = self.inner.state.lock();
            (state.caches.values().cloned().collect::<Vec<_>>(), std::mem::take(&mut state.tasks))
        };
        drop(tasks);
        caches.iter().for_each(|cache| cache.close());
    }

    /// Waits until every cache asked for so far holds a consistent state.
    pub async fn synced(&self) {
        let caches: Vec<_> = self.inner.state.lock().caches.values().cloned().collect();
        for cache in caches {
            cache.synced().await;
        }
    }
}
