//! The watch hub: who waits for which keys, and how far each watcher has come.
//!
//! Nothing is pushed. A publish looks up the groups of watchers that the changed keys concern,
//! notes the revision in each and wakes those of its watchers that wait; groups that do not match
//! are not visited. A woken watcher takes from the shared log what lies between its cursor and
//! the newest revision, a batch per look. A watcher that is behind costs a writer nothing; one
//! that finds its next revision compacted is told so.
//!
//! The hub has no lock: the engine guards it together with the state machine, so that a publish
//! and a look at the log never interleave.

mod group;
mod index;
#[cfg(test)]
mod tests;
mod watcher;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use orchestrator_core::env::{Activity, Busy};
use orchestrator_core::store::{Event, KeyRange, Revision, StoreError, WatchUpdate};
use slab::Slab;
use smallvec::SmallVec;

use crate::mvcc::Mvcc;
use group::Group;
use index::Index;
use watcher::{State, Watcher};

/// The number of a watcher in the hub.
pub(crate) type WatcherId = usize;

/// What the hub keeps for an idle watcher: itself in the slab, and its number in its group.
#[cfg(test)]
pub(crate) const IDLE_BYTES: usize =
    size_of::<Watcher>() + size_of::<usize>() + size_of::<WatcherId>();

/// Those to wake once the lock is released.
pub(crate) type Wakers = SmallVec<[Waker; 8]>;

/// All watchers of a store.
#[derive(Debug)]
pub(crate) struct Hub {
    activity: Activity,
    index: Index,
    groups: Slab<Group>,
    watchers: Slab<Watcher>,
    closed: bool,
}

/// What a look gave.
#[derive(Debug)]
pub(crate) enum Look {
    /// There are updates in the buffer.
    Updates,
    /// Nothing yet, but the search is not over: look again.
    Again,
    /// The watcher has everything, and its waker is kept; drop the token outside the lock.
    Idle(Option<Busy>),
    /// The watcher is too far behind.
    Lost(StoreError),
    /// The store is gone.
    Closed,
}

impl Hub {
    pub(crate) fn new(activity: Activity) -> Self {
        Self {
            activity,
            index: Index::default(),
            groups: Slab::new(),
            watchers: Slab::new(),
            closed: false,
        }
    }

    /// Adds a watcher of `keys` from the revision `from`, zero for the one after `newest`.
    pub(crate) fn add(
        &mut self,
        keys: KeyRange,
        from: Revision,
        newest: Revision,
        wants_progress: bool,
    ) -> WatcherId {
        let cursor = if from.is_zero() { newest.next() } else { from };
        let group = self.index.get(&keys).unwrap_or_else(|| {
            let group = self.groups.insert(Group::new(keys.clone(), newest));
            self.index.insert(keys, group);
            group
        });
        let members = &mut self.groups[group];
        members.watchers += 1;
        let state = if cursor > newest {
            State::Idle { place: members.idle.len(), waker: None }
        } else {
            State::Behind { busy: self.activity.begin() }
        };
        let idle = matches!(state, State::Idle { .. });
        let watcher = Watcher { group, cursor, state, wants_progress, progress_due: false };
        let id = self.watchers.insert(watcher);
        if idle {
            self.groups[group].idle.push(id);
        }
        id
    }

    /// Removes a watcher; its token, if any, is to be dropped outside the lock.
    pub(crate) fn remove(&mut self, id: WatcherId) -> Option<Busy> {
        let watcher = self.watchers.try_remove(id)?;
        let group = &mut self.groups[watcher.group];
        group.watchers -= 1;
        let busy = match watcher.state {
            State::Idle { place, .. } => {
                group.idle.swap_remove(place);
                if let Some(moved) = group.idle.get(place) {
                    self.watchers[*moved].set_place(place);
                }
                None
            }
            State::Behind { busy } => Some(busy),
        };
        if group.watchers == 0 {
            let group = self.groups.remove(watcher.group);
            self.index.remove(&group.keys);
        }
        busy
    }

    /// Tells those whom the events of the new `revision` concern.
    pub(crate) fn publish(
        &mut self,
        revision: Revision,
        events: &[Arc<Event>],
        wakers: &mut Wakers,
    ) {
        let Self { index, groups, watchers, activity, .. } = self;
        for event in events {
            index.matching(event.kv.key.as_bytes(), |group| {
                if groups[group].note(revision) {
                    wake_idle(&mut groups[group], watchers, activity, revision, wakers);
                }
            });
        }
    }

    /// Tells everybody that the state has gone from `before` to `after` at once, as when an image
    /// was installed: what lies between is in the log, or compacted.
    #[cfg(feature = "raft")]
    pub(crate) fn jump(&mut self, before: Revision, after: Revision, wakers: &mut Wakers) {
        let Self { groups, watchers, activity, .. } = self;
        for (_, group) in groups.iter_mut() {
            group.forget(after);
            group.idle.retain(|id| {
                let watcher = &mut watchers[*id];
                // While idle the cursor may lag; everything up to `before` has been delivered.
                watcher.cursor = watcher.cursor.max(before.next());
                let waits_for_later = watcher.cursor > after;
                if !waits_for_later && let State::Idle { waker, .. } = &mut watcher.state {
                    wakers.extend(waker.take());
                    watcher.state = State::Behind { busy: activity.begin() };
                }
                waits_for_later
            });
            for (place, id) in group.idle.iter().enumerate() {
                watchers[*id].set_place(place);
            }
        }
    }

    /// Makes progress due for every watcher that wants it.
    pub(crate) fn demand_progress(&mut self, wakers: &mut Wakers) {
        for (_, watcher) in &mut self.watchers {
            watcher.progress_due = watcher.wants_progress;
            if let (true, State::Idle { waker, .. }) = (watcher.progress_due, &mut watcher.state) {
                wakers.extend(waker.take());
            }
        }
    }

    /// Moves what the watcher `id` can have into `updates`; `due` demands progress from it.
    pub(crate) fn look(
        &mut self,
        id: WatcherId,
        mvcc: &Mvcc,
        due: bool,
        updates: &mut VecDeque<WatchUpdate>,
        waker: &Waker,
    ) -> Look {
        if self.closed {
            return Look::Closed;
        }
        let watcher = &mut self.watchers[id];
        let group = &mut self.groups[watcher.group];
        watcher.progress_due |= due;
        if matches!(watcher.state, State::Behind { .. }) {
            if watcher.cursor < group.known_from() {
                return watcher.search_log(group, mvcc, updates);
            }
            if let Err(lost) = watcher.take_known(group, mvcc, updates) {
                return Look::Lost(lost);
            }
            if !updates.is_empty() {
                return Look::Updates;
            }
        }
        watcher.rest(id, group, mvcc.revision(), updates, waker)
    }

    /// Ends all watches: each is told at its next look.
    pub(crate) fn close(&mut self, wakers: &mut Wakers) -> Vec<Busy> {
        self.closed = true;
        let mut tokens = Vec::new();
        for watcher in self.watchers.drain() {
            match watcher.state {
                State::Idle { waker, .. } => wakers.extend(waker),
                State::Behind { busy } => tokens.push(busy),
            }
        }
        self.groups.clear();
        self.index = Index::default();
        tokens
    }
}

/// Wakes those of the group's idle watchers that want `revision`.
fn wake_idle(
    group: &mut Group,
    watchers: &mut Slab<Watcher>,
    activity: &Activity,
    revision: Revision,
    wakers: &mut Wakers,
) {
    group.idle.retain(|id| {
        let watcher = &mut watchers[*id];
        let waits_for_later = watcher.cursor > revision;
        if !waits_for_later && let State::Idle { waker, .. } = &mut watcher.state {
            wakers.extend(waker.take());
            watcher.cursor = revision;
            watcher.state = State::Behind { busy: activity.begin() };
        }
        waits_for_later
    });
    for (place, id) in group.idle.iter().enumerate() {
        watchers[*id].set_place(place);
    }
}
