//! The watchers of one range of keys.
//!
//! A group remembers the numbers of the revisions in which its keys changed, not the events: those
//! stay in the log, where all groups share them. So a publish costs a group one number.

use std::collections::VecDeque;

use orchestrator_core::store::{KeyRange, Revision};

use super::WatcherId;

/// How many changed revisions a group remembers for watchers that are behind; one that is further
/// behind reads the log itself. 8 bytes each.
const MAX_CHANGED: usize = 8192;

/// For how many changed revisions a group keeps room that it does not need.
const MAX_SPARE: usize = 64;

/// Watchers of the same keys, and where these keys changed.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) keys: KeyRange,
    /// How many watchers there are, idle or not.
    pub(super) watchers: usize,
    /// Those that have everything and wait for the next change.
    pub(super) idle: Vec<WatcherId>,
    /// The revisions from `known_from` on that changed a key, in order.
    changed: VecDeque<Revision>,
    known_from: Revision,
}

impl Group {
    /// A group whose first watcher comes when `newest` is the newest revision.
    pub(super) fn new(keys: KeyRange, newest: Revision) -> Self {
        Self {
            keys,
            watchers: 0,
            idle: Vec::new(),
            changed: VecDeque::new(),
            known_from: newest.next(),
        }
    }

    /// Notes that `revision` changed a key; false if that is known already.
    pub(super) fn note(&mut self, revision: Revision) -> bool {
        if self.changed.back() == Some(&revision) {
            return false;
        }
        if self.changed.len() == MAX_CHANGED
            && let Some(oldest) = self.changed.pop_front()
        {
            self.known_from = oldest.next();
        }
        self.changed.push_back(revision);
        true
    }

    /// The first revision from which all changes are known; before it, the log must be read.
    pub(super) fn known_from(&self) -> Revision {
        self.known_from
    }

    /// The first known change in `from` or later.
    pub(super) fn next_change(&self, from: Revision) -> Option<Revision> {
        let index = self.changed.partition_point(|revision| *revision < from);
        self.changed.get(index).copied()
    }

    /// Forgets the changes up to `newest`, so that watchers that are behind read the log.
    pub(super) fn forget(&mut self, newest: Revision) {
        self.changed.clear();
        self.changed.shrink_to(MAX_SPARE);
        self.known_from = newest.next();
    }

    /// Forgets the changes when nobody is behind.
    pub(super) fn forget_delivered(&mut self, newest: Revision) {
        if self.idle.len() == self.watchers {
            self.forget(newest);
        }
    }
}
