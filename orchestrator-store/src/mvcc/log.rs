//! The events of all kept revisions, in order: what watches read and what undoes writes.

use std::sync::Arc;

use imbl::Vector;
use orchestrator_core::store::{Event, Revision};

use super::limits::Limits;

/// What an event costs beside its keys and values.
const EVENT_OVERHEAD_BYTES: u64 = 256;

/// The events of one revision.
pub(crate) type Commit = Arc<[Arc<Event>]>;

/// One commit per revision, without gaps; the persistent vector makes a copy a pointer.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    commits: Vector<Commit>,
    /// The revision of the first commit, or of the next one where there is none.
    first: Revision,
    events: usize,
    bytes: u64,
}

impl Log {
    /// An empty log; its first commit will be `first`.
    pub(crate) fn new(first: Revision) -> Self {
        Self { commits: Vector::new(), first, events: 0, bytes: 0 }
    }

    /// The revision of the oldest commit kept.
    pub(crate) fn first(&self) -> Revision {
        self.first
    }

    /// How many bytes the events hold, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends the next revision.
    pub(crate) fn push(&mut self, commit: Commit) {
        self.events += commit.len();
        self.bytes += commit_bytes(&commit);
        self.commits.push_back(commit);
    }

    /// The events of `revision`, where it is kept.
    pub(crate) fn get(&self, revision: Revision) -> Option<&Commit> {
        let index = revision.get().checked_sub(self.first.get())?;
        self.commits.get(usize::try_from(index).ok()?)
    }

    /// Forgets all before `revision`.
    pub(crate) fn drop_before(&mut self, revision: Revision) {
        while self.first < revision && self.pop() {}
    }

    /// Forgets the oldest while there is more than `limits` allow; the newest stays.
    pub(crate) fn trim(&mut self, limits: &Limits) {
        while (self.events > limits.history_events || self.bytes > limits.history_bytes)
            && self.commits.len() > 1
        {
            self.pop();
        }
    }

    /// Forgets all after `revision`.
    pub(crate) fn truncate_after(&mut self, revision: Revision) {
        while self.first.get() + self.commits.len() as u64 > revision.get() + 1 {
            let Some(commit) = self.commits.pop_back() else { break };
            self.forget(&commit);
        }
    }

    fn pop(&mut self) -> bool {
        let Some(commit) = self.commits.pop_front() else { return false };
        self.first = self.first.next();
        self.forget(&commit);
        true
    }

    fn forget(&mut self, commit: &Commit) {
        cool(commit);
        self.events -= commit.len();
        self.bytes -= commit_bytes(commit);
    }
}

/// Leaves the bytes of the values of a commit that hardly anybody looks at any more.
pub(super) fn cool(commit: &Commit) {
    for event in commit.iter() {
        event.kv.value.cool();
        event.prev.iter().for_each(|prev| prev.value.cool());
    }
}

/// Only the new value counts: the one before is the new value of an older event, or of none.
fn commit_bytes(commit: &Commit) -> u64 {
    let bytes = |event: &Arc<Event>| EVENT_OVERHEAD_BYTES + event.kv.value.bytes().len() as u64;
    commit.iter().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::store::{Key, KeyValue};
    use orchestrator_core::value::Value;

    fn commit(bytes: usize) -> Commit {
        let kv = KeyValue {
            key: Key::from("k"),
            value: Value::from_bytes(vec![b'x'; bytes]),
            create_revision: Revision::ZERO,
            mod_revision: Revision::ZERO,
            version: 1,
            lease: 0,
        };
        Arc::from([Arc::new(Event { kv, prev: None, deleted: false })])
    }

    #[test]
    fn revisions_are_found_by_number_and_forgotten_from_both_ends() {
        let mut log = Log::new(Revision::new(2));
        (0..10).for_each(|n| log.push(commit(n)));
        assert!(log.get(Revision::new(1)).is_none() && log.get(Revision::new(12)).is_none());
        let value = |log: &Log, rev| log.get(Revision::new(rev)).map(|c| c[0].kv.value.size_hint());
        assert_eq!((value(&log, 2), value(&log, 11)), (Some(0), Some(9)));
        log.drop_before(Revision::new(5));
        log.truncate_after(Revision::new(7));
        assert_eq!((value(&log, 4), value(&log, 5)), (None, Some(3)));
        assert_eq!((value(&log, 7), value(&log, 8)), (Some(5), None));
        assert_eq!((log.events, log.bytes()), (3, 3 * EVENT_OVERHEAD_BYTES + 3 + 4 + 5));
    }

    #[test]
    fn the_oldest_go_when_events_or_bytes_exceed_the_limits_and_the_newest_stays() {
        let limits = Limits { history_events: 3, history_bytes: 2_000, ..Limits::default() };
        let mut log = Log::new(Revision::new(2));
        for _ in 0..5 {
            log.push(commit(10));
            log.trim(&limits);
        }
        assert_eq!(log.first(), Revision::new(4));
        log.push(commit(5_000));
        log.trim(&limits);
        assert_eq!(log.first(), Revision::new(7));
        assert!(log.get(Revision::new(7)).is_some());
    }
}
