//! Roots of past revisions.
//!
//! A root kept for every revision would make every write copy its path through the map. So a
//! root is kept every so many events; any other revision is read from the next newer root, see
//! `past`, or is made of it by taking back the events in between.

use std::collections::VecDeque;
use std::sync::Arc;

use orchestrator_core::store::{Event, Revision};

use super::churn::Churn;
use super::log::Log;
use super::root::Root;

/// The fewest events between two kept roots: what a key is led back through in well under a
/// millisecond, were it always the same. Tests keep more, so as to read through them.
const MIN_EVENTS_APART: usize = if cfg!(test) { 4 } else { 4096 };

/// One kept root per this part of the keys: then few writes find their path shared with one.
const KEYS_PER_EVENT: usize = 8;

/// Kept roots, by revision.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints {
    kept: VecDeque<Arc<Kept>>,
    /// What came and went since the last kept root.
    churn: Churn,
    events_since: usize,
}

/// A kept root.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) revision: Revision,
    pub(super) root: Root,
    /// What came and went since the root before.
    pub(super) churn: Churn,
}

impl Checkpoints {
    /// Notes a commit of `events` that made `root`, which is kept when it is time.
    pub(super) fn note(&mut self, revision: Revision, events: &[Arc<Event>], root: &Root) {
        self.churn.note(revision, events.iter().map(|event| &**event));
        self.events_since += events.len();
        if self.events_since >= MIN_EVENTS_APART.max(root.len() / KEYS_PER_EVENT) {
            self.events_since = 0;
            let churn = std::mem::take(&mut self.churn);
            self.kept.push_back(Arc::new(Kept { revision, root: root.clone(), churn }));
        }
    }

    /// The oldest kept root that is not older than `revision`.
    pub(super) fn at_or_after(&self, revision: Revision) -> Option<&Kept> {
        let index = self.kept.partition_point(|kept| kept.revision < revision);
        self.kept.get(index).map(|kept| &**kept)
    }

    /// What came and went since the last kept root.
    pub(super) fn churn(&self) -> &Churn {
        &self.churn
    }

    /// Notes that the events of `revision` are not kept any more.
    pub(super) fn forget(&mut self, revision: Revision, events: &[Arc<Event>]) {
        if self.kept.back().is_none_or(|kept| kept.revision < revision) {
            self.churn.forget(revision, events.iter().map(|event| &**event));
        }
    }

    /// Forgets the roots before `revision`.
    pub(super) fn drop_before(&mut self, revision: Revision) {
        while self.kept.front().is_some_and(|kept| kept.revision < revision) {
            self.kept.pop_front();
        }
    }

    /// Goes back to `revision`, the newest of `log`.
    pub(super) fn truncate_after(&mut self, revision: Revision, log: &Log) {
        self.kept.retain(|kept| kept.revision <= revision);
        (self.churn, self.events_since) = (Churn::default(), 0);
        let kept = self.kept.back().map_or(Revision::ZERO, |kept| kept.revision);
        for later in kept.next().max(log.first()).get()..=revision.get() {
            let later = Revision::new(later);
            let events = log.get(later).map_or(&[][..], |events| events);
            self.churn.note(later, events.iter().map(|event| &**event));
            self.events_since += events.len();
        }
    }
}
