//! Segments: what changed keys of a group, once for all its watchers.
//!
//! A segment is filled from the front and never changed otherwise, so watchers that hold one read
//! it without a lock, and all that a watcher takes of it is a pointer. A watcher holds one at a
//! time: one that is slow keeps no more than that from being let go.

use std::sync::{Arc, OnceLock};

use orchestrator_core::store::{Revision, WatchUpdate};

use crate::mvcc::Commit;

/// The most revisions of a segment: enough that taking one is paid for.
pub(super) const MAX: usize = 64;

/// The revisions of the first segment, for groups in which little happens at a time. Each further
/// one has four times as many.
const FIRST: usize = 4;

/// A revision with its changes of the group's keys.
#[derive(Debug)]
struct Change {
    revision: Revision,
    events: Commit,
}

/// Some revisions in order.
#[derive(Debug)]
pub(crate) struct Segment {
    changes: Box<[OnceLock<Change>]>,
}

impl Segment {
    pub(super) fn new(room: usize) -> Self {
        Self { changes: (0..room).map(|_| OnceLock::new()).collect() }
    }

    /// The update at `place`, which has been filled.
    pub(super) fn update(&self, place: usize) -> WatchUpdate {
        let Change { revision, events } = self.change(place);
        WatchUpdate::Events { revision: *revision, events: Arc::clone(events) }
    }

    fn change(&self, place: usize) -> &Change {
        self.changes[place].get().expect("only what was filled is told of")
    }
}

/// The newest changes of a group, in segments.
#[derive(Debug, Default)]
pub(super) struct Segments {
    /// Oldest first; all but the last are full.
    all: std::collections::VecDeque<Arc<Segment>>,
    /// How many changes the last segment has.
    filled: usize,
}

/// Part of a segment.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The first and the last revision.
    pub(super) first: Revision,
    pub(super) last: Revision,
}

impl Segments {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds the next revision.
    pub(super) fn push(&mut self, revision: Revision, events: Commit) {
        if self.all.back().is_none_or(|last| self.filled == last.changes.len()) {
            let room = self.all.back().map_or(FIRST, |last| last.changes.len() * 4).min(MAX);
            self.all.push_back(Arc::new(Segment::new(room)));
            self.filled = 0;
        }
        let last = self.all.back().expect("there is one now");
        let filled = last.changes[self.filled].set(Change { revision, events });
        filled.expect("each place is filled once");
        self.filled += 1;
    }

    /// Lets go of the oldest segment; returns its last revision.
    pub(super) fn pop(&mut self) -> Option<Revision> {
        let last = (!self.all.is_empty()).then(|| self.last_of(0))?;
        self.all.pop_front();
        Some(last)
    }

    /// The last revision of the oldest segment.
    pub(super) fn oldest(&self) -> Option<Revision> {
        (!self.all.is_empty()).then(|| self.last_of(0))
    }

    /// What there is from `from` on, as far as one segment goes.
    pub(super) fn from(&self, from: Revision) -> Option<Part> {
        let (mut low, mut high) = (0, self.all.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.last_of(middle) < from {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let segment = Arc::clone(self.all.get(low)?);
        let end = self.filled_of(low);
        let before = |change: &OnceLock<Change>| change.get().is_some_and(|at| at.revision < from);
        let start = segment.changes[..end].partition_point(before);
        let (first, last) = (segment.change(start).revision, self.last_of(low));
        Some(Part { segment, start, end, first, last })
    }

    fn filled_of(&self, index: usize) -> usize {
        if index + 1 == self.all.len() { self.filled } else { self.all[index].changes.len() }
    }

    fn last_of(&self, index: usize) -> Revision {
        self.all[index].change(self.filled_of(index) - 1).revision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_goes_on_where_the_last_part_ended() {
        let mut segments = Segments::default();
        assert!(segments.from(Revision::ZERO).is_none() && segments.oldest().is_none());
        let even = |n: u64| Revision::new(2 * n);
        for n in 1..=200 {
            segments.push(even(n), Arc::from([]));
            assert_eq!(segments.from(even(n)).map(|part| part.last), Some(even(n)));
        }
        let mut seen = Vec::new();
        let mut next = Revision::new(7);
        while let Some(part) = segments.from(next) {
            for place in part.start..part.end {
                let WatchUpdate::Events { revision, .. } = part.segment.update(place) else {
                    panic!("a segment has changes only")
                };
                seen.push(revision);
            }
            assert_eq!((seen.last(), part.end <= MAX), (Some(&part.last), true));
            next = part.last.next();
        }
        assert!(seen.iter().copied().eq((4..=200).map(even)));
        assert_eq!((segments.pop(), segments.oldest()), (Some(even(4)), Some(even(4 + 16))));
    }
}
