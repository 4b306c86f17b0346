//! Controllers: what they watch, and how they bring one object's world to its desired state.
//!
//! A controller gets a key, never an event: it reads the present state from caches, compares it
//! with the desired one and writes the difference. The runtime in `orchestrator-controllers`
//! queues keys (each once, never two runs of one key at a time), retries with backoff, and does
//! not run a key before the caches have seen that key's own last writes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::env::Env;
use crate::object::ObjectKey;
use crate::resource::GroupVersionResource;
use crate::service::WatchEvent;
use crate::status::Status;
use crate::value::Item;

/// Reconciles objects of one kind.
///
/// # Contract
/// - `reconcile` is idempotent and level-triggered: it may run at any time, for any key, and it
///   converges from any state.
/// - It reads caches and writes through the API; it holds no state that it could not lose.
/// - An error is retried with exponential backoff; [`Outcome`] says what happens otherwise.
#[async_trait]
pub trait Controller: fmt::Debug + Send + Sync + 'static {
    /// The name, in lower case with hyphens, as in `replicaset`.
    fn name(&self) -> &str;

    /// The resources whose changes concern this controller, and the keys that they concern.
    fn watches(&self) -> Vec<WatchSpec>;

    /// Brings the object of `key` nearer to its desired state.
    ///
    /// # Errors
    /// What the API answered; the key runs again after a backoff.
    ///
    /// # Cancellation
    /// The runtime drops the future when it shuts down; no acknowledged write is lost.
    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status>;

    /// How many keys may run at a time.
    fn concurrency(&self) -> usize {
        4
    }
}

/// What a reconcile has besides its key.
#[derive(Clone, Debug)]
pub struct ReconcileContext {
    /// Clock, randomness and uids.
    pub env: Env,
    /// How many times in a row the key has failed before this run.
    pub failures: u32,
}

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to do until something changes.
    Done,
    /// Run again after this time, unless something changes before.
    RequeueAfter(Duration),
}

/// The keys that a change concerns.
pub type KeyMapper = Arc<dyn Fn(&Change) -> Vec<ObjectKey> + Send + Sync>;

/// A change as a controller's mapper sees it: the object before and after.
#[derive(Clone, Debug)]
pub struct Change {
    /// Before; `None` where it was not there.
    pub old: Option<Item>,
    /// After; `None` where it is gone.
    pub new: Option<Item>,
}

impl Change {
    /// The object after the change, or before it where it is gone.
    pub fn item(&self) -> Option<&Item> {
        self.new.as_ref().or(self.old.as_ref())
    }

    /// The change that `event` makes to a cache that holds `old`; `None` for a bookmark.
    pub fn from_event(old: Option<Item>, event: &WatchEvent) -> Option<Self> {
        match event {
            WatchEvent::Added(item) | WatchEvent::Modified(item) => {
                Some(Self { old, new: Some(item.clone()) })
            }
            WatchEvent::Deleted(item) => Some(Self { old: old.or(Some(item.clone())), new: None }),
            WatchEvent::Bookmark { .. } => None,
        }
    }
}

/// One resource that a controller watches.
#[derive(Clone)]
pub struct WatchSpec {
    /// Which resource, of all namespaces.
    pub resource: GroupVersionResource,
    /// The keys that a change of it concerns.
    pub keys: KeyMapper,
}

impl fmt::Debug for WatchSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchSpec").field("resource", &self.resource).finish_non_exhaustive()
    }
}

impl WatchSpec {
    /// Changes of `resource` concern the keys that `keys` tells.
    pub fn new(
        resource: GroupVersionResource,
        keys: impl Fn(&Change) -> Vec<ObjectKey> + Send + Sync + 'static,
    ) -> Self {
        Self { resource, keys: Arc::new(keys) }
    }

    /// A change concerns the object itself: the watch of the controller's own kind.
    pub fn own(resource: GroupVersionResource) -> Self {
        Self::new(resource, |change| change.item().map(Item::key).into_iter().collect())
    }

    /// A change concerns the object that controls the changed one, where that is of `kind`.
    pub fn owned_by(resource: GroupVersionResource, kind: &'static str) -> Self {
        Self::new(resource, move |change| {
            let both = change.old.iter().chain(&change.new);
            let mut keys: Vec<_> = both.filter_map(|item| controller_of(item, kind)).collect();
            keys.dedup();
            keys
        })
    }
}

/// The key of the controlling owner of `item`, where that is of `kind`.
fn controller_of(item: &Item, kind: &str) -> Option<ObjectKey> {
    let tree = item.lean().ok()?;
    let owner = tree.owner_references().find(|owner| {
        owner.get("controller").and_then(crate::Json::as_bool) == Some(true)
            && owner.get("kind").and_then(crate::Json::as_str) == Some(kind)
    })?;
    Some(ObjectKey::new(tree.namespace(), owner.get("name")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Object, Revision, Value};
    use serde_json::json;

    fn _dyn_compatible(_: &dyn Controller) {}

    #[test]
    fn a_change_of_owner_concerns_both_owners() {
        let owned = |name: &str| -> Item {
            let tree: Object = serde_json::from_value(json!({"metadata": {"namespace": "n",
                "ownerReferences": [{"kind": "ReplicaSet", "name": name, "controller": true}]}}))
            .unwrap();
            Item::new(Value::from_object(tree), Revision::new(1))
        };
        let spec = WatchSpec::owned_by(GroupVersionResource::new("", "v1", "pods"), "ReplicaSet");
        let change = Change { old: Some(owned("a")), new: Some(owned("b")) };
        assert_eq!((spec.keys)(&change), [ObjectKey::new("n", "a"), ObjectKey::new("n", "b")]);
        let same = Change { old: Some(owned("a")), new: Some(owned("a")) };
        assert_eq!((spec.keys)(&same).len(), 1);
    }
}
