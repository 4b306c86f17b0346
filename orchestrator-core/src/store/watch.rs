//! Watches, and the changes that they deliver.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;

use super::{KeyRange, KeyValue, Revision, StoreError};

/// Which changes a watcher wants.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchRequest {
    /// Which keys.
    pub keys: KeyRange,
    /// The first revision wanted; zero for the one after the newest. It may lie in the future.
    pub from: Revision,
    /// How long a watcher that has everything waits before it is told so with a
    /// [`Progress`](WatchUpdate::Progress); `None` for never, [`Duration::MAX`] for only when an
    /// operator of the store demands it.
    pub progress: Option<Duration>,
}

impl WatchRequest {
    /// All changes of `keys` in `from` and later, without progress items.
    pub fn new(keys: KeyRange, from: Revision) -> Self {
        Self { keys, from, progress: None }
    }

    /// The same, with a progress item after each `every` in which nothing else came.
    #[must_use]
    pub fn with_progress(mut self, every: Duration) -> Self {
        self.progress = Some(every);
        self
    }
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The key after the change; for a deletion only key and `mod_revision` mean something.
    pub kv: KeyValue,
    /// The key before; `None` where it was not there.
    pub prev: Option<KeyValue>,
    /// Whether the change is a deletion.
    pub deleted: bool,
}

/// What a watcher receives.
#[derive(Clone, Debug)]
pub enum WatchUpdate {
    /// All changes of one revision that match; never split, never empty.
    Events {
        /// The revision of all of them.
        revision: Revision,
        /// The changes, in the order in which the transaction made them.
        events: Arc<[Arc<Event>]>,
    },
    /// Every matching change up to this revision has been delivered.
    Progress(Revision),
}

/// The changes a watcher asked for, without end; an error is the last item.
pub type WatchStream = BoxStream<'static, Result<WatchUpdate, StoreError>>;
