//! The work queue as a pure state machine: time comes in as an argument, nothing waits.

use std::cmp::Reverse;
use std::collections::{BTreeMap, btree_map};
use std::time::Duration;

use orchestrator_core::env::{Activity, Busy};
use tokio::time::Instant;

use super::{Depth, Full, Limits, Priority};

/// Ready keys leave by priority, then in the order in which they came.
type Place = (Reverse<Priority>, u64);
/// Waiting keys become ready by time, then in the order in which they came.
type Timer = (Instant, u64);

#[derive(Debug)]
pub(super) struct State<K> {
    limits: Limits,
    activity: Activity,
    entries: BTreeMap<K, Entry>,
    ready: BTreeMap<Place, K>,
    timers: BTreeMap<Timer, K>,
    running: usize,
    sequence: u64,
    shut: bool,
}

/// What is known of one key; there is no entry for a key that needs nothing.
#[derive(Debug, Default)]
struct Entry {
    place: Option<Place>,
    timer: Option<Timer>,
    running: bool,
    /// Added while running: runs again afterwards.
    again: Option<Priority>,
    failures: u32,
    /// Held while the key is ready or running, not while it waits for a future time.
    busy: Option<Busy>,
}

impl<K: Clone + Ord> State<K> {
    pub(super) fn new(limits: Limits, activity: Activity) -> Self {
        Self {
            limits,
            activity,
            entries: BTreeMap::new(),
            ready: BTreeMap::new(),
            timers: BTreeMap::new(),
            running: 0,
            sequence: 0,
            shut: false,
        }
    }

    pub(super) fn add(&mut self, key: K, priority: Priority) -> Result<(), Full> {
        if self.shut {
            return Ok(());
        }
        let full = self.entries.len() >= self.limits.capacity;
        let entry = match self.entries.entry(key.clone()) {
            btree_map::Entry::Vacant(_) if full => return Err(Full),
            slot => slot.or_default(),
        };
        if entry.running {
            entry.again = entry.again.max(Some(priority));
            return Ok(());
        }
        if let Some(place @ (Reverse(present), _)) = entry.place {
            if present >= priority {
                return Ok(());
            }
            self.ready.remove(&place);
        }
        self.sequence += 1;
        let place = (Reverse(priority), self.sequence);
        entry.place = Some(place);
        if entry.busy.is_none() {
            entry.busy = Some(self.activity.begin());
        }
        self.ready.insert(place, key);
        Ok(())
    }

    /// Of two waits of one key the shorter one counts.
    pub(super) fn add_at(&mut self, key: K, at: Instant) -> Result<(), Full> {
        if self.shut {
            return Ok(());
        }
        let full = self.entries.len() >= self.limits.capacity;
        let entry = match self.entries.entry(key.clone()) {
            btree_map::Entry::Vacant(_) if full => return Err(Full),
            slot => slot.or_default(),
        };
        if let Some(timer) = entry.timer {
            if timer.0 <= at {
                return Ok(());
            }
            self.timers.remove(&timer);
        }
        self.sequence += 1;
        let timer = (at, self.sequence);
        entry.timer = Some(timer);
        self.timers.insert(timer, key);
        Ok(())
    }

    /// Notes a failure of a key; tells how long it shall wait.
    pub(super) fn fail(&mut self, key: &K, now: Instant) -> Duration {
        let Some(entry) = self.entries.get_mut(key) else { return Duration::ZERO };
        entry.failures = entry.failures.saturating_add(1);
        let own = self.limits.backoff.delay(entry.failures);
        own.max(self.limits.bucket.reserve(now))
    }

    pub(super) fn forget(&mut self, key: &K) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.failures = 0;
        }
        self.tidy(key);
    }

    pub(super) fn failures(&self, key: &K) -> u32 {
        self.entries.get(key).map_or(0, |entry| entry.failures)
    }

    /// Makes the keys ready whose time has come.
    pub(super) fn fire(&mut self, now: Instant) {
        while let Some(first) = self.timers.first_entry() {
            if first.key().0 > now {
                return;
            }
            let key = first.remove();
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.timer = None;
            }
            // The key has an entry, so there is room for it.
            let _ = self.add(key, Priority::NORMAL);
        }
    }

    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next ready key, which runs from now on. What it waited for besides is void: the run
    /// sees the present state and says itself when to run again.
    pub(super) fn take(&mut self) -> Option<K> {
        let (_, key) = self.ready.pop_first()?;
        let entry = self.entries.get_mut(&key).expect("a ready key has an entry");
        entry.place = None;
        entry.running = true;
        if let Some(timer) = entry.timer.take() {
            self.timers.remove(&timer);
        }
        self.running += 1;
        Some(key)
    }

    /// A key has run; it becomes ready again where it was added meanwhile.
    pub(super) fn done(&mut self, key: &K) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if !std::mem::take(&mut entry.running) {
            return;
        }
        self.running -= 1;
        match entry.again.take() {
            // The entry's room is its own.
            Some(priority) => drop(self.add(key.clone(), priority)),
            None => {
                entry.busy = None;
                self.tidy(key);
            }
        }
    }

    pub(super) fn shut(&mut self) {
        self.shut = true;
        self.running = 0;
        self.entries.clear();
        self.ready.clear();
        self.timers.clear();
    }

    pub(super) fn is_shut(&self) -> bool {
        self.shut
    }

    pub(super) fn depth(&self) -> Depth {
        Depth { ready: self.ready.len(), running: self.running, waiting: self.timers.len() }
    }

    /// Drops the entry of a key that needs nothing any more.
    fn tidy(&mut self, key: &K) {
        let idle = self.entries.get(key).is_some_and(|entry| {
            entry.place.is_none() && entry.timer.is_none() && !entry.running && entry.failures == 0
        });
        if idle {
            self.entries.remove(key);
        }
    }
}
