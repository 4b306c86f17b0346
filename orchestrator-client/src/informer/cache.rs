//! One collection in memory, with indexes, at a known revision.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orchestrator_core::controller::Change;
use orchestrator_core::service::WatchEvent;
use orchestrator_core::{Item, Json, Object, ObjectKey, Revision};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::content::{Content, Entry};
use crate::Kind;
use crate::writes::Write;

/// The index by the uid of the controlling owner, which every cache has.
pub const INDEX_OWNER: &str = "owner";

/// The values under which an index files an object.
pub type IndexFn = fn(&Object) -> Vec<String>;

/// Called for each change, inside the informer's task: it may only note what to do.
pub type ChangeHandler = Arc<dyn Fn(&Change) + Send + Sync>;

/// A collection as of some revision.
pub struct Cache {
    /// Serialises changes and their handlers; taken before `content`.
    handlers: Mutex<Vec<ChangeHandler>>,
    content: RwLock<Content>,
    reached: AtomicU64,
    /// Wakes in the order of waiting, which a channel of tokio would not.
    progress: Notify,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objects = self.len();
        f.debug_struct("Cache")
            .field("objects", &objects)
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}

impl Cache {
    pub(super) fn new() -> Self {
        let mut content = Content::default();
        content.add_index(INDEX_OWNER, owner_uid);
        Self {
            handlers: Mutex::default(),
            content: RwLock::new(content),
            reached: AtomicU64::new(0),
            progress: Notify::new(),
        }
    }

    /// The object of `key`.
    pub fn get(&self, key: &ObjectKey) -> Option<Item> {
        self.content.read().get(key).map(|entry| entry.item().clone())
    }

    /// All objects, in key order.
    pub fn list(&self) -> Vec<Item> {
        self.content.read().entries().map(|entry| entry.item().clone()).collect()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.content.read().entries().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The objects of one namespace, in key order.
    pub fn namespace(&self, namespace: &str) -> Vec<Item> {
        let content = self.content.read();
        content.namespace(namespace).map(|entry| entry.item().clone()).collect()
    }

    /// The objects that `index` files under `value`, in key order; none for an unknown index.
    pub fn by_index(&self, index: &str, value: &str) -> Vec<Item> {
        let content = self.content.read();
        content.by_index(index, value).map(|entry| entry.item().clone()).collect()
    }

    /// The object of `key` as a `K`, kept in that form.
    pub(super) fn typed<K: Kind>(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.content.read().get(key)?.typed()
    }

    /// All objects as `K`, in key order.
    pub(super) fn typed_list<K: Kind>(&self) -> Vec<Arc<K>> {
        self.content.read().entries().filter_map(Entry::typed).collect()
    }

    /// The objects of one namespace as `K`, in key order.
    pub(super) fn typed_namespace<K: Kind>(&self, namespace: &str) -> Vec<Arc<K>> {
        self.content.read().namespace(namespace).filter_map(Entry::typed).collect()
    }

    /// The objects that `index` files under `value` as `K`, in key order.
    pub(super) fn typed_by_index<K: Kind>(&self, index: &str, value: &str) -> Vec<Arc<K>> {
        self.content.read().by_index(index, value).filter_map(Entry::typed).collect()
    }

    /// Adds an index; one of that name that is there already stays as it is.
    pub fn add_index(&self, name: &'static str, values: IndexFn) {
        self.content.write().add_index(name, values);
    }

    /// The revision up to which the cache is informed; zero before the first list.
    pub fn revision(&self) -> Revision {
        Revision::new(self.reached.load(Ordering::Acquire))
    }

    /// Waits until the cache is informed up to `revision`.
    pub async fn reached(&self, revision: Revision) {
        self.when(|| self.revision() >= revision).await;
    }

    /// Waits until `condition` holds, looking again whenever the cache has moved on.
    async fn when(&self, condition: impl Fn() -> bool) {
        let mut moved = pin!(self.progress.notified());
        loop {
            moved.as_mut().enable();
            if condition() {
                return;
            }
            moved.as_mut().await;
            moved.set(self.progress.notified());
        }
    }

    /// Notes that the cache is informed up to `revision`.
    fn advance(&self, revision: Revision) {
        self.reached.store(revision.get(), Ordering::Release);
        self.progress.notify_waiters();
    }

    /// Waits until the cache holds a consistent state.
    pub async fn synced(&self) {
        self.reached(Revision::new(1)).await;
    }

    /// Waits until the cache shows `write`, or something later.
    pub async fn seen(&self, write: &Write) {
        match write {
            Write::At { revision, .. } => self.reached(*revision).await,
            Write::Gone { key, uid, .. } => self.when(|| self.is_gone(key, uid)).await,
        }
    }

    /// Whether the object is not there, is another one, or is on its way out.
    fn is_gone(&self, key: &ObjectKey, uid: &str) -> bool {
        self.content.read().get(key).is_none_or(|entry| !entry.stays(uid))
    }

    /// Calls `handler` for each object that is there, and then for each change, in order.
    ///
    /// The handler must not block, and must not add handlers to the same cache.
    pub fn on_change(&self, handler: ChangeHandler) {
        let mut handlers = self.handlers.lock();
        for item in self.list() {
            handler(&Change { old: None, new: Some(item) });
        }
        handlers.push(handler);
    }

    /// Lets go of all handlers: what they hold may hold the cache in turn.
    pub(super) fn close(&self) {
        // Dropped outside of the lock, since what goes with them may look at the cache.
        let handlers = std::mem::take(&mut *self.handlers.lock());
        drop(handlers);
    }

    /// Takes over a listed state: what is not in it is gone.
    pub(super) fn replace(&self, items: Vec<Item>, revision: Revision) {
        let handlers = self.handlers.lock();
        let listed: BTreeMap<_, _> =
            items.into_iter().map(|item| (item.light().key(), item)).collect();
        let gone: Vec<ObjectKey> = {
            let content = self.content.read();
            content.keys().filter(|key| !listed.contains_key(*key)).cloned().collect()
        };
        let mut changes = Vec::with_capacity(gone.len() + listed.len());
        {
            let mut content = self.content.write();
            changes.extend(gone.iter().map(|key| Change { old: content.remove(key), new: None }));
            for (key, item) in listed {
                // Lists are long, so no item of one keeps its tree for the next.
                let item = item.light();
                let old = content.insert(key, &item.light());
                if old.as_ref().is_none_or(|old| old.revision() != item.revision()) {
                    changes.push(Change { old, new: Some(item) });
                }
            }
        }
        notify(&handlers, &changes);
        self.advance(revision);
    }

    /// Applies one event of the watch.
    pub(super) fn apply(&self, event: &WatchEvent) {
        let handlers = self.handlers.lock();
        if let Some(item) = event.item() {
            let key = item.key();
            let old = match event {
                WatchEvent::Deleted(_) => self.content.write().remove(&key),
                _ => self.content.write().insert(key, item),
            };
            let change = Change::from_event(old, event).expect("an event with an item");
            notify(&handlers, &[change]);
        }
        self.advance(event.revision());
    }
}

fn notify(handlers: &[ChangeHandler], changes: &[Change]) {
    for change in changes {
        for handler in handlers {
            handler(change);
        }
    }
}

/// The uid of the controlling owner.
fn owner_uid(object: &Object) -> Vec<String> {
    let is_controller = |owner: &&orchestrator_core::object::Map| {
        owner.get("controller").and_then(Json::as_bool) == Some(true)
    };
    let owner = object.owner_references().find(is_controller);
    let uid = owner.and_then(|owner| owner.get("uid")?.as_str());
    uid.map(str::to_owned).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::Value;
    use serde_json::json;

    fn item(name: &str, owner: &str, revision: u64) -> Item {
        let tree: Object = serde_json::from_value(json!({"metadata": {"namespace": "n",
            "name": name, "uid": format!("uid-{name}"),
            "ownerReferences": [{"uid": owner, "controller": true}]}}))
        .unwrap();
        Item::new(Value::from_object(tree), Revision::new(revision))
    }

    #[test]
    fn indexes_follow_the_objects() {
        let cache = Cache::new();
        cache.replace(vec![item("a", "x", 2), item("b", "x", 3)], Revision::new(3));
        assert_eq!(cache.by_index(INDEX_OWNER, "x").len(), 2);
        cache.apply(&WatchEvent::Modified(item("a", "y", 4)));
        cache.apply(&WatchEvent::Deleted(item("b", "x", 5)));
        assert!(cache.by_index(INDEX_OWNER, "x").is_empty());
        assert_eq!(cache.by_index(INDEX_OWNER, "y")[0].key(), ObjectKey::new("n", "a"));
        assert_eq!((cache.len(), cache.revision()), (1, Revision::new(5)));
    }

    #[test]
    fn a_handler_sees_what_is_there_and_then_only_real_changes() {
        let cache = Cache::new();
        cache.replace(vec![item("a", "", 2)], Revision::new(2));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        cache.on_change(Arc::new(move |change| {
            let revision = |item: &Option<Item>| item.as_ref().map(|item| item.revision().get());
            sink.lock().push((revision(&change.old), revision(&change.new)));
        }));
        cache.replace(vec![item("a", "", 2), item("b", "", 7)], Revision::new(7));
        cache.replace(vec![item("b", "", 7)], Revision::new(8));
        assert_eq!(*seen.lock(), [(None, Some(2)), (None, Some(7)), (Some(2), None)]);
    }

    #[tokio::test]
    async fn a_write_is_seen_once_the_cache_shows_it_or_something_later() {
        let cache = Cache::new();
        let resource = orchestrator_core::GroupVersionResource::new("", "v1", "pods");
        let at = Write::At { resource: resource.clone(), revision: Revision::new(3) };
        let key = ObjectKey::new("n", "a");
        let gone = Write::Gone { resource, key, uid: "uid-a".into() };
        cache.replace(vec![item("a", "", 2)], Revision::new(2));
        let zero = std::time::Duration::ZERO;
        assert!(tokio::time::timeout(zero, cache.seen(&at)).await.is_err());
        assert!(tokio::time::timeout(zero, cache.seen(&gone)).await.is_err());
        cache.apply(&WatchEvent::Deleted(item("a", "", 4)));
        cache.seen(&at).await;
        cache.seen(&gone).await;
    }
}
