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
use orchestrator_core::env::Task;
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
    caches: BTreeMap<(GroupVersionResource, String), Followed>,
}

/// A cache with the task that follows the collection; none once the informers are closed.
#[derive(Debug)]
struct Followed {
    cache: Arc<Cache>,
    task: Option<Task<()>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.state.get_mut().caches.values().for_each(|followed| followed.cache.close());
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
        let state = self.inner.state.lock();
        let found = state.caches.get(&(resource.clone(), String::new()));
        found.map(|followed| Arc::clone(&followed.cache))
    }

    /// Ends the informer of all objects of a resource, because that is not served any more; who
    /// asks for it later gets a new one.
    pub fn forget(&self, resource: &GroupVersionResource) {
        let found = self.inner.state.lock().caches.remove(&(resource.clone(), String::new()));
        if let Some(Followed { cache, task }) = found {
            drop(task);
            cache.close();
        }
    }

    fn cache(&self, resource: GroupVersionResource, fields: &str) -> Arc<Cache> {
        let mut state = self.inner.state.lock();
        let key = (resource, fields.to_owned());
        if let Some(followed) = state.caches.get(&key) {
            return Arc::clone(&followed.cache);
        }
        let cache = Arc::new(Cache::new());
        let client = self.inner.client.clone();
        let (resource, fields) = key.clone();
        let reflector = reflector::Reflector::new(client, resource, fields, Arc::clone(&cache));
        let task = self.inner.client.env().spawn("informer", reflector.run());
        let followed = Followed { cache: Arc::clone(&cache), task: Some(task) };
        state.caches.insert(key, followed);
        cache
    }

    /// Ends all informers and lets go of their handlers; the caches stay as they are.
    ///
    /// Handlers tend to hold informers, which hold the caches, which hold the handlers: whoever
    /// owns a set of parts closes their informers when the parts end, so that nothing is left.
    pub fn close(&self) {
        let (caches, tasks): (Vec<_>, Vec<_>) = {
            let mut state = self.inner.state.lock();
            let all = state.caches.values_mut();
            all.map(|followed| (Arc::clone(&followed.cache), followed.task.take())).unzip()
        };
        drop(tasks);
        caches.iter().for_each(|cache| cache.close());
    }

    /// Waits until every cache asked for so far holds a consistent state.
    pub async fn synced(&self) {
        let caches: Vec<_> = {
            let state = self.inner.state.lock();
            state.caches.values().map(|followed| Arc::clone(&followed.cache)).collect()
        };
        for cache in caches {
            cache.synced().await;
        }
    }
}
