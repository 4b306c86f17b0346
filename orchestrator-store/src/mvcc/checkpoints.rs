//! Roots of past revisions.
//!
//! A root kept for every revision would make every write copy its path through the map. So a
//! root is kept every so many events, and for revisions that somebody is reading page by page;
//! any other revision is the next newer root with the events in between taken back.

use std::collections::VecDeque;

use orchestrator_core::store::Revision;

use super::root::Root;

/// The fewest events between two kept roots: taking back that many takes a few milliseconds.
/// Tests keep more, so as to read through them.
const MIN_EVENTS_APART: usize = if cfg!(test) { 4 } else { 4096 };

/// One kept root per this part of the keys: then few writes find their path shared with one.
const KEYS_PER_EVENT: usize = 4;

/// How many roots are kept for readers: that many lists may be paged through at a time without
/// any being rebuilt.
const MAX_PINS: usize = 32;

/// Kept roots, by revision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checkpoints {
    /// Every so many events, in order.
    regular: VecDeque<(Revision, Root)>,
    /// Those that readers use, the newest use last.
    pins: VecDeque<(Revision, Root)>,
    events_since: usize,
}

impl Checkpoints {
    /// Notes a commit of `events` events that made `root`, and keeps it when it is time.
    pub(crate) fn note(&mut self, revision: Revision, events: usize, root: &Root) {
        self.events_since += events;
        if self.events_since >= MIN_EVENTS_APART.max(root.len() / KEYS_PER_EVENT) {
            self.events_since = 0;
            self.regular.push_back((revision, root.clone()));
        }
    }

    /// Keeps `root` while it is among the last that readers used.
    pub(crate) fn pin(&mut self, revision: Revision, root: &Root) {
        self.pins.retain(|(at, _)| *at != revision);
        if self.pins.len() == MAX_PINS {
            self.pins.pop_front();
        }
        self.pins.push_back((revision, root.clone()));
    }

    /// The oldest kept root that is not older than `revision`.
    pub(crate) fn at_or_after(&self, revision: Revision) -> Option<&(Revision, Root)> {
        let index = self.regular.partition_point(|(at, _)| *at < revision);
        let pinned = self.pins.iter().filter(|(at, _)| *at >= revision);
        self.regular.get(index).into_iter().chain(pinned).min_by_key(|(at, _)| *at)
    }

    /// Forgets the roots before `revision`.
    pub(crate) fn drop_before(&mut self, revision: Revision) {
        while self.regular.front().is_some_and(|(at, _)| *at < revision) {
            self.regular.pop_front();
        }
        if self.pins.iter().any(|(at, _)| *at < revision) {
            self.pins.retain(|(at, _)| *at >= revision);
        }
    }

    /// Forgets the roots after `revision`.
    pub(crate) fn truncate_after(&mut self, revision: Revision) {
        self.regular.retain(|(at, _)| *at <= revision);
        self.pins.retain(|(at, _)| *at <= revision);
        self.events_since = 0;
    }
}
