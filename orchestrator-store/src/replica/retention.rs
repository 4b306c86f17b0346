//! Compaction by age: which revision was the newest how long ago.

use std::collections::VecDeque;
use std::time::Duration;

use orchestrator_core::store::Revision;

/// How many marks a retention time has: history goes in steps of an eighth of it.
const MARKS: u32 = 8;

/// Marks made by writes, so that a store at rest has no timer to serve.
#[derive(Debug)]
pub(crate) struct Retention {
    keep: Duration,
    marks: VecDeque<(Duration, Revision)>,
}

impl Retention {
    pub(crate) fn new(keep: Duration) -> Self {
        Self { keep, marks: VecDeque::new() }
    }

    /// Notes a write at `at` before which `revision` was the newest; true if the first mark.
    pub(crate) fn note(&mut self, revision: Revision, at: Duration) -> bool {
        if let Some((last, _)) = self.marks.back()
            && at < *last + self.keep / MARKS
        {
            return false;
        }
        self.marks.push_back((at, revision));
        self.marks.len() == 1
    }

    /// When something can be forgotten next.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.marks.front().map(|(at, _)| *at + self.keep)
    }

    /// The revision up to which the history is old enough at `at`.
    pub(crate) fn due(&mut self, at: Duration) -> Option<Revision> {
        let mut due = None;
        while let Some((marked, revision)) = self.marks.front()
            && *marked + self.keep <= at
        {
            due = Some(*revision);
            self.marks.pop_front();
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_due_when_it_was_superseded_long_enough_ago() {
        let minute = |n: u64| Duration::from_secs(60 * n);
        let mut retention = Retention::new(minute(8));
        assert!(retention.note(Revision::new(1), minute(0)));
        assert!(!retention.note(Revision::new(2), Duration::from_secs(59)));
        assert!(!retention.note(Revision::new(3), minute(1)));
        assert_eq!((retention.next_due(), retention.due(minute(7))), (Some(minute(8)), None));
        assert_eq!(retention.due(minute(8)), Some(Revision::new(1)));
        assert_eq!(retention.due(minute(20)), Some(Revision::new(3)));
        assert_eq!(retention.next_due(), None);
    }
}
