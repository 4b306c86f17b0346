//! The events of all kept revisions, in order: what watches read and what leads keys back.

use std::sync::Arc;

use imbl::Vector;
use orchestrator_core::store::{Event, Key, Revision};

use super::WARM_COMMITS;
use super::limits::Limits;

/// What an event costs beside its keys and values.
const EVENT_OVERHEAD_BYTES: u64 = 256;

/// The events of one revision.
pub(crate) type Commit = Arc<[Arc<Event>]>;

/// One commit per revision, without gaps; the persistent vector makes a copy a pointer.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    commits: Vector<Logged>,
    /// The revision of the first commit, or of the next one where there is none.
    first: Revision,
    events: usize,
    bytes: u64,
}

/// A commit as it is kept.
#[derive(Clone, Debug)]
struct Logged {
    events: Commit,
    by_key: ByKey,
}

/// How the event of a key is found.
#[derive(Clone, Debug)]
enum ByKey {
    /// The only one, without the way through the commit: nearly all are alone.
    One(Arc<Event>),
    /// The places of the events in the order of their keys.
    Many(Arc<[u32]>),
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
        self.commits.push_back(Logged::new(commit));
    }

    /// The events of `revision`, where it is kept.
    pub(crate) fn get(&self, revision: Revision) -> Option<&Commit> {
        self.logged(revision).map(|logged| &logged.events)
    }

    /// What happened to `key` at `revision`, where that is kept and anything did.
    ///
    /// Where a revision has one event, it is given without a look at it: who asks knows from the
    /// key that there is one.
    pub(super) fn find(&self, revision: Revision, key: &Key) -> Option<&Event> {
        let Logged { events, by_key } = self.logged(revision)?;
        match by_key {
            ByKey::One(event) => Some(event),
            ByKey::Many(order) => {
                let key_of = |place: &u32| &events[*place as usize].kv.key;
                let found = order.binary_search_by(|place| key_of(place).cmp(key)).ok()?;
                Some(&events[order[found] as usize])
            }
        }
    }

    /// Forgets the oldest commit if it is before `revision`, and returns it.
    pub(super) fn pop_before(&mut self, revision: Revision) -> Option<(Revision, Commit)> {
        if self.first < revision { self.pop() } else { None }
    }

    /// Forgets the oldest commit if there is more than `limits` allow, and returns it; the newest
    /// stays.
    pub(super) fn pop_beyond(&mut self, limits: &Limits) -> Option<(Revision, Commit)> {
        let beyond = self.events > limits.history_events || self.bytes > limits.history_bytes;
        if beyond && self.commits.len() > 1 { self.pop() } else { None }
    }

    /// Forgets all after `revision`.
    pub(crate) fn truncate_after(&mut self, revision: Revision) {
        while self.first.get() + self.commits.len() as u64 > revision.get() + 1 {
            let Some(logged) = self.commits.pop_back() else { break };
            self.forget(&logged.events);
        }
    }

    fn logged(&self, revision: Revision) -> Option<&Logged> {
        let index = revision.get().checked_sub(self.first.get())?;
        self.commits.get(usize::try_from(index).ok()?)
    }

    fn pop(&mut self) -> Option<(Revision, Commit)> {
        let Logged { events, .. } = self.commits.pop_front()?;
        let revision = self.first;
        self.first = revision.next();
        self.forget(&events);
        Some((revision, events))
    }

    fn forget(&mut self, commit: &Commit) {
        // Of those that are older than that the values have cooled already.
        if (self.commits.len() as u64) <= WARM_COMMITS {
            cool(commit);
        }
        self.events -= commit.len();
        self.bytes -= commit_bytes(commit);
    }
}

impl Logged {
    fn new(events: Commit) -> Self {
        let by_key = match &*events {
            [only] => ByKey::One(Arc::clone(only)),
            several => {
                let count = u32::try_from(several.len()).expect("a command has fewer events");
                let mut order: Vec<u32> = (0..count).collect();
                order.sort_by(|a, b| several[*a as usize].kv.key.cmp(&several[*b as usize].kv.key));
                ByKey::Many(order.into())
            }
        };
        Self { events, by_key }
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

    fn event(key: &str, bytes: usize) -> Arc<Event> {
        let kv = KeyValue {
            key: Key::from(key),
            value: Value::from_bytes(vec![b'x'; bytes]),
            create_revision: Revision::ZERO,
            mod_revision: Revision::ZERO,
            version: 1,
            lease: 0,
        };
        Arc::new(Event { kv, prev: None, deleted: false })
    }

    fn commit(bytes: usize) -> Commit {
        Arc::from([event("k", bytes)])
    }

    #[test]
    fn an_event_is_found_by_key_in_a_commit_of_any_length() {
        for count in [1, 2, 8, 40] {
            let mut log = Log::new(Revision::new(2));
            let keys: Vec<_> = (0..count).map(|n| format!("{}", n * 7 % count)).collect();
            log.push(keys.iter().zip(0..).map(|(key, n)| event(key, n)).collect());
            for (n, key) in keys.iter().enumerate() {
                let found = log.find(Revision::new(2), &Key::from(key.as_str())).unwrap();
                assert!(found.kv.key == Key::from(key.as_str()) && n < count);
            }
            let alone = count == 1;
            assert_eq!(log.find(Revision::new(2), &Key::from("x")).is_some(), alone);
        }
    }

    #[test]
    fn revisions_are_found_by_number_and_forgotten_from_both_ends() {
        let mut log = Log::new(Revision::new(2));
        (0..10).for_each(|n| log.push(commit(n)));
        assert!(log.get(Revision::new(1)).is_none() && log.get(Revision::new(12)).is_none());
        let value = |log: &Log, rev| log.get(Revision::new(rev)).map(|c| c[0].kv.value.size_hint());
        assert_eq!((value(&log, 2), value(&log, 11)), (Some(0), Some(9)));
        while log.pop_before(Revision::new(5)).is_some() {}
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
            while log.pop_beyond(&limits).is_some() {}
        }
        assert_eq!(log.first(), Revision::new(4));
        log.push(commit(5_000));
        while log.pop_beyond(&limits).is_some() {}
        assert_eq!(log.first(), Revision::new(7));
        assert!(log.get(Revision::new(7)).is_some());
    }
}
