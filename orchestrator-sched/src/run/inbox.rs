//! What has changed since the loop last looked: keys, each once, in the order in which they came.
//!
//! Informers may only note a change; the loop reads the newest state of each key. So the inbox
//! is bounded by the number of objects, and a burst of changes of one object costs one look.

use std::sync::Arc;

use indexmap::IndexSet;
use orchestrator_client::{Informer, Kind};
use orchestrator_core::Item;
use orchestrator_core::ObjectKey;
use orchestrator_core::controller::Change;
use orchestrator_core::env::{Activity, Busy};
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use tokio::sync::Notify;

use super::storage::About;

/// What an object is to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Node,
    Namespace,
    Pod,
    Service,
    ReplicationController,
    ReplicaSet,
    StatefulSet,
    Budget,
    PodGroup,
    Storage(About),
}

/// Keys that have changed.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    keys: Mutex<Keys>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Keys {
    changed: IndexSet<(Subject, ObjectKey), FxBuildHasher>,
    /// Held while anything is here.
    busy: Option<Busy>,
}

impl Inbox {
    /// Notes every change that `informer` tells.
    pub fn follow<K: Kind>(
        self: &Arc<Self>,
        informer: &Informer<K>,
        subject: Subject,
        activity: &Activity,
    ) {
        let (inbox, activity) = (Arc::clone(self), activity.clone());
        informer.on_change(Arc::new(move |change: &Change| {
            if let Some(key) = change.item().map(Item::key) {
                inbox.note(subject, key, &activity);
            }
        }));
    }

    fn note(&self, subject: Subject, key: ObjectKey, activity: &Activity) {
        let mut keys = self.keys.lock();
        keys.changed.insert((subject, key));
        keys.busy.get_or_insert_with(|| activity.begin());
        drop(keys);
        self.arrived.notify_one();
    }

    /// Takes everything out; the work lasts until the second value is dropped.
    pub fn take(&self) -> (impl Iterator<Item = (Subject, ObjectKey)> + use<>, Option<Busy>) {
        let keys = std::mem::take(&mut *self.keys.lock());
        (keys.changed.into_iter(), keys.busy)
    }

    /// Waits until something has arrived since the last wait.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }
}
