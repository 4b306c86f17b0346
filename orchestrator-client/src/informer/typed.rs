//! A cache through the eyes of one type.

use std::marker::PhantomData;
use std::sync::Arc;

use orchestrator_core::{ObjectKey, Revision};

use super::{Cache, ChangeHandler, IndexFn};
use crate::Kind;

/// The shared cache of one kind, typed; cheap to clone.
///
/// The objects come without their `managedFields`, as [`Item::typed`](orchestrator_core::Item::typed) says. An object that does not have the type's shape is left out, with a warning in the trace.
#[derive(Clone, Debug)]
pub struct Informer<K> {
    cache: Arc<Cache>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Informer<K> {
    pub(super) fn new(cache: Arc<Cache>) -> Self {
        Self { cache, kind: PhantomData }
    }

    /// The object of `key`.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.cache.typed(key)
    }

    /// All objects, in key order.
    pub fn list(&self) -> Vec<Arc<K>> {
        self.cache.typed_list()
    }

    /// The objects of one namespace, in key order.
    pub fn namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        self.cache.typed_namespace(namespace)
    }

    /// The objects that `index` files under `value`, in key order.
    pub fn by_index(&self, index: &'static str, value: &str) -> Vec<Arc<K>> {
        self.cache.typed_by_index(index, value)
    }

    /// Adds an index.
    pub fn add_index(&self, name: &'static str, values: IndexFn) {
        self.cache.add_index(name, values);
    }

    /// The revision up to which the cache is informed.
    pub fn revision(&self) -> Revision {
        self.cache.revision()
    }

    /// Waits until the cache is informed up to `revision`.
    pub async fn reached(&self, revision: Revision) {
        self.cache.reached(revision).await;
    }

    /// Waits until the cache holds a consistent state.
    pub async fn synced(&self) {
        self.cache.synced().await;
    }

    /// Calls `handler` for each object that is there, and then for each change, in order.
    ///
    /// The handler must not block: it runs inside the informer's task.
    pub fn on_change(&self, handler: ChangeHandler) {
        self.cache.on_change(handler);
    }

    /// The cache underneath.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }
}
