//! The watch hub: who waits for which keys, and how far each watcher has come.
//!
//! Nothing is pushed. A publish looks up the groups of watchers that the changed keys concern,
//! adds the revision to the segments of each and wakes those of its watchers that wait; groups
//! that do not match are not visited. A woken watcher takes what lies between its cursor and the
//! newest revision, a segment per look, which all watchers of the group share: taking it is a
//! pointer, reading it needs no lock. A watcher that is behind costs a writer nothing; one that is
//! further behind than its group remembers reads the log, and one that finds its next revision
//! compacted is told so.
//!
//! The hub has no lock: the engine guards it together with the state machine, so that a publish
//! and a look at the log never interleave.

mod group;
mod index;
mod segment;
#[cfg(test)]
mod tests;
mod updates;
mod watcher;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::task::Waker;

use orchestrator_core::env::{Activity, Busy};
use orchestrator_core::store::{Event, KeyRange, Revision, StoreError};
use slab::Slab;
use smallvec::SmallVec;

use crate::mvcc::{Commit, Mvcc};
use group::Group;
use index::{GroupId, Index};
pub(crate) use updates::Updates;
use watcher::{State, Watcher};

/// The number of a watcher in the hub.
pub(crate) type WatcherId = usize;

/// What the hub keeps for an idle watcher: itself in the slab, and its number in its group.
#[cfg(test)]
pub(crate) const IDLE_BYTES: usize =
    size_of::<Watcher>() + size_of::<usize>() + size_of::<WatcherId>();

/// Those to wake once the lock is released.
pub(crate) type Wakers = SmallVec<[Waker; 8]>;

/// How many revisions the floor rises before all groups let go of what is before it. Until then
/// they may keep that much more than the history has.
const SWEEP_EVERY: u64 = 1024;

/// All watchers of a store.
#[derive(Debug)]
pub(crate) struct Hub {
    activity: Activity,
    index: Index,
    groups: Slab<Group>,
    watchers: Slab<Watcher>,
    /// Up to where the groups have let go of the history.
    swept: Revision,
    closed: bool,
}

/// What a look gave.
#[derive(Debug)]
pub(crate) enum Look {
    /// These come next.
    Updates(Updates),
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
            swept: Revision::ZERO,
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
            members.fall_behind(&self.activity);
            State::Behind
        };
        let is_idle = matches!(state, State::Idle { .. });
        let watcher = Watcher { group, cursor, state, wants_progress, progress_due: false };
        let id = self.watchers.insert(watcher);
        if is_idle {
            members.idle.push(id);
        }
        id
    }

    /// Removes a watcher when `newest` is the newest revision; the token, if any, is to be dropped
    /// outside the lock.
    pub(crate) fn remove(&mut self, id: WatcherId, newest: Revision) -> Option<Busy> {
        let watcher = self.watchers.try_remove(id)?;
        let group = &mut self.groups[watcher.group];
        group.watchers -= 1;
        if let State::Idle { place, .. } = watcher.state {
            group.idle.swap_remove(place);
            if let Some(moved) = group.idle.get(place) {
                self.watchers[*moved].set_place(place);
            }
        }
        if group.watchers > 0 {
            return group.settle(newest);
        }
        let group = self.groups.remove(watcher.group);
        self.index.remove(&group.keys);
        group.into_busy()
    }

    /// Tells those whom `commit`, the new `revision`, concerns; nobody is given what is before
    /// `floor` any more.
    pub(crate) fn publish(
        &mut self,
        revision: Revision,
        commit: &Commit,
        floor: Revision,
        wakers: &mut Wakers,
    ) {
        let Self { index, groups, watchers, activity, .. } = self;
        if let [event] = &commit[..] {
            index.matching(event.kv.key.as_bytes(), |group| {
                let events = Arc::clone(commit);
                tell(&mut groups[group], watchers, activity, (revision, events), wakers);
            });
        } else {
            for (group, events) in by_group(index, commit) {
                tell(&mut groups[group], watchers, activity, (revision, events), wakers);
            }
        }
        self.sweep(floor);
    }

    /// Lets the groups go of what is before `floor`, from time to time.
    fn sweep(&mut self, floor: Revision) {
        if floor.get() >= self.swept.get() + SWEEP_EVERY {
            self.swept = floor;
            self.groups.iter_mut().for_each(|(_, group)| group.drop_before(floor));
        }
    }

    /// Tells everybody that the state has gone from `before` to `after` at once, as when an image
    /// was installed: what lies between is in the log, or compacted.
    #[cfg(feature = "raft")]
    pub(crate) fn jump(&mut self, before: Revision, after: Revision, wakers: &mut Wakers) {
        let Self { groups, watchers, activity, .. } = self;
        for (_, group) in groups.iter_mut() {
            group.forget(after);
            wake_idle(group, watchers, activity, before.next()..=after, wakers);
        }
    }

    /// Makes progress due for every watcher of these ranges that wants it; of all, where none is
    /// named.
    pub(crate) fn demand_progress(&mut self, of: &[KeyRange], wakers: &mut Wakers) {
        let groups: SmallVec<[usize; 8]> =
            of.iter().filter_map(|keys| self.index.get(keys)).collect();
        for (_, watcher) in &mut self.watchers {
            if !of.is_empty() && !groups.contains(&watcher.group) {
                continue;
            }
            watcher.progress_due = watcher.wants_progress;
            if let (true, State::Idle { waker, .. }) = (watcher.progress_due, &mut watcher.state) {
                wakers.extend(waker.take());
            }
        }
    }

    /// What the watcher `id` can have, a part at a time; `due` demands progress from it.
    pub(crate) fn look(&mut self, id: WatcherId, mvcc: &Mvcc, due: bool, waker: &Waker) -> Look {
        if self.closed {
            return Look::Closed;
        }
        let watcher = &mut self.watchers[id];
        let group = &mut self.groups[watcher.group];
        watcher.progress_due |= due;
        if matches!(watcher.state, State::Behind) {
            if watcher.cursor < group.known_from() {
                return watcher.search_log(group, mvcc);
            }
            if let Some(look) = watcher.take_known(group, mvcc) {
                return look;
            }
        }
        watcher.rest(id, group, mvcc.revision(), waker)
    }

    /// Ends all watches: each is told at its next look.
    pub(crate) fn close(&mut self, wakers: &mut Wakers) -> Vec<Busy> {
        self.closed = true;
        for watcher in self.watchers.drain() {
            if let State::Idle { waker, .. } = watcher.state {
                wakers.extend(waker);
            }
        }
        self.index = Index::default();
        self.groups.drain().filter_map(Group::into_busy).collect()
    }
}

/// Tells the watchers of `group` of a revision with its changes of their keys.
fn tell(
    group: &mut Group,
    watchers: &mut Slab<Watcher>,
    activity: &Activity,
    (revision, events): (Revision, Commit),
    wakers: &mut Wakers,
) {
    wake_idle(group, watchers, activity, revision..=revision, wakers);
    group.note(revision, events);
}

/// Wakes those of the group's idle watchers that want any of `revisions`, which nobody has seen.
fn wake_idle(
    group: &mut Group,
    watchers: &mut Slab<Watcher>,
    activity: &Activity,
    revisions: RangeInclusive<Revision>,
    wakers: &mut Wakers,
) {
    if group.idle.is_empty() {
        return;
    }
    group.idle.retain(|id| !watchers[*id].wake(&revisions, wakers));
    for (place, id) in group.idle.iter().enumerate() {
        watchers[*id].set_place(place);
    }
    if group.idle.len() < group.watchers {
        group.fall_behind(activity);
    }
}

/// The groups that a commit concerns, each with the events of its keys.
fn by_group(index: &Index, commit: &Commit) -> Vec<(GroupId, Commit)> {
    let mut concerned = Vec::new();
    for (place, event) in commit.iter().enumerate() {
        index.matching(event.kv.key.as_bytes(), |group| concerned.push((group, place)));
    }
    concerned.sort_unstable();
    let of_one = concerned.chunk_by(|one, next| one.0 == next.0);
    let events = |places: &[(GroupId, usize)]| match places.len() {
        all if all == commit.len() => Arc::clone(commit),
        _ => places.iter().map(|(_, place)| Arc::clone(&commit[*place])).collect(),
    };
    of_one.map(|places| (places[0].0, events(places))).collect()
}

/// The events of a commit that are of `keys`; the commit itself where all are.
fn matching(commit: &Commit, keys: &KeyRange) -> Option<Commit> {
    let wanted = |event: &&Arc<Event>| keys.contains(event.kv.key.as_bytes());
    match commit.iter().filter(wanted).count() {
        0 => None,
        all if all == commit.len() => Some(Arc::clone(commit)),
        _ => Some(commit.iter().filter(wanted).cloned().collect()),
    }
}
