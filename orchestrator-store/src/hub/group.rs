//! The watchers of one range of keys.
//!
//! While a watcher is behind, the group has the changes of its keys in segments that all its
//! watchers read. So a publish costs a group the same however many watchers it has, and a change
//! is compared with the keys once.

use orchestrator_core::env::{Activity, Busy};
use orchestrator_core::store::{KeyRange, Revision};

use super::WatcherId;
use super::segment::{MAX, Part, Segments};
use crate::mvcc::Commit;

/// How many segments a group has for watchers that are behind; one that is further behind reads
/// the log itself.
const MAX_SEGMENTS: usize = 8192 / MAX;

/// Watchers of the same keys, and what changed these keys.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) keys: KeyRange,
    /// How many watchers there are, idle or not.
    pub(super) watchers: usize,
    /// Those that have everything and wait for the next change.
    pub(super) idle: Vec<WatcherId>,
    /// The revisions from `known_from` on that changed a key.
    changes: Segments,
    known_from: Revision,
    /// While a watcher is behind, what it is owed is work in progress.
    busy: Option<Busy>,
}

impl Group {
    /// A group whose first watcher comes when `newest` is the newest revision.
    pub(super) fn new(keys: KeyRange, newest: Revision) -> Self {
        Self {
            keys,
            watchers: 0,
            idle: Vec::new(),
            changes: Segments::default(),
            known_from: newest.next(),
            busy: None,
        }
    }

    /// Notes that `revision` changed keys by `events`.
    pub(super) fn note(&mut self, revision: Revision, events: Commit) {
        self.changes.push(revision, events);
        if self.changes.len() > MAX_SEGMENTS {
            self.pop();
        }
    }

    /// The first revision from which all changes are known; before it, the log must be read.
    pub(super) fn known_from(&self) -> Revision {
        self.known_from
    }

    /// The known changes in `from` or later, as far as one segment goes.
    pub(super) fn changes(&self, from: Revision) -> Option<Part> {
        self.changes.from(from)
    }

    /// Lets go of what is before `floor`, which nobody is given any more.
    pub(super) fn drop_before(&mut self, floor: Revision) {
        while self.changes.oldest().is_some_and(|last| last < floor) {
            self.pop();
        }
    }

    /// Forgets the changes up to `newest`, so that watchers that are behind read the log.
    pub(super) fn forget(&mut self, newest: Revision) {
        self.changes = Segments::default();
        self.known_from = newest.next();
    }

    /// A watcher is behind from now on.
    pub(super) fn fall_behind(&mut self, activity: &Activity) {
        self.busy.get_or_insert_with(|| activity.begin());
    }

    /// Once all watchers have everything: forgets the changes and ends the work, whose token is
    /// to be dropped outside the lock.
    pub(super) fn settle(&mut self, newest: Revision) -> Option<Busy> {
        if self.idle.len() < self.watchers {
            return None;
        }
        self.forget(newest);
        self.busy.take()
    }

    /// The token of a group whose watchers are gone.
    pub(super) fn into_busy(self) -> Option<Busy> {
        self.busy
    }

    fn pop(&mut self) {
        if let Some(last) = self.changes.pop() {
            self.known_from = last.next();
        }
    }
}
