//! One watcher: how far it has come, and how it takes what it is owed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use orchestrator_core::env::Busy;
use orchestrator_core::store::{Event, KeyRange, Revision, StoreError, WatchUpdate};

use super::group::Group;
use super::index::GroupId;
use super::{Look, WatcherId};
use crate::mvcc::Mvcc;

/// The most updates that a watcher takes at a look: enough to pay for the lock.
const MAX_BATCH: usize = 64;

/// The most commits that a watcher searches at a look: well under a tenth of a millisecond.
const MAX_SCAN: u64 = 1024;

/// A watcher as the hub knows it.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) group: GroupId,
    /// The first revision not yet delivered; while idle, it may lag behind what is known.
    pub(super) cursor: Revision,
    pub(super) state: State,
    /// Whether the watcher wants to be told of progress at all, and whether it is due.
    pub(super) wants_progress: bool,
    pub(super) progress_due: bool,
}

/// Whether it has everything.
#[derive(Debug)]
pub(super) enum State {
    /// Has everything; at this place in its group's list.
    Idle { place: usize, waker: Option<Waker> },
    /// Has, or may have, something to take; counts as work in progress until it is taken.
    Behind { busy: Busy },
}

impl Watcher {
    pub(super) fn set_place(&mut self, now: usize) {
        if let State::Idle { place, .. } = &mut self.state {
            *place = now;
        }
    }

    /// Takes the changes that the group knows of.
    pub(super) fn take_known(
        &mut self,
        group: &Group,
        mvcc: &Mvcc,
        updates: &mut VecDeque<WatchUpdate>,
    ) -> Result<(), StoreError> {
        while updates.len() < MAX_BATCH
            && let Some(revision) = group.next_change(self.cursor)
        {
            let commit = mvcc.events(revision).ok_or_else(|| lost(revision, mvcc))?;
            updates.extend(matching(revision, commit, &group.keys));
            self.cursor = revision.next();
        }
        Ok(())
    }

    /// Searches the log for changes from before the group knows them.
    pub(super) fn search_log(
        &mut self,
        group: &Group,
        mvcc: &Mvcc,
        updates: &mut VecDeque<WatchUpdate>,
    ) -> Look {
        if self.cursor < mvcc.floor() {
            return Look::Lost(lost(self.cursor, mvcc));
        }
        let end = group.known_from().get().min(self.cursor.get() + MAX_SCAN);
        while self.cursor.get() < end && updates.len() < MAX_BATCH {
            if let Some(commit) = mvcc.events(self.cursor) {
                updates.extend(matching(self.cursor, commit, &group.keys));
            }
            self.cursor = self.cursor.next();
        }
        if updates.is_empty() { Look::Again } else { Look::Updates }
    }

    /// Waits for the next change, unless progress is due.
    pub(super) fn rest(
        &mut self,
        id: WatcherId,
        group: &mut Group,
        newest: Revision,
        updates: &mut VecDeque<WatchUpdate>,
        waker: &Waker,
    ) -> Look {
        // Before its first revision a watcher has nothing to be told about.
        let has_begun = self.cursor <= newest.next();
        if std::mem::take(&mut self.progress_due) && has_begun {
            updates.push_back(WatchUpdate::Progress(newest));
            return Look::Updates;
        }
        self.cursor = self.cursor.max(newest.next());
        if let State::Idle { waker: kept, .. } = &mut self.state {
            match kept {
                Some(kept) => kept.clone_from(waker),
                None => *kept = Some(waker.clone()),
            }
            return Look::Idle(None);
        }
        let idle = State::Idle { place: group.idle.len(), waker: Some(waker.clone()) };
        let State::Behind { busy } = std::mem::replace(&mut self.state, idle) else {
            unreachable!("an idle watcher returned above")
        };
        group.idle.push(id);
        group.forget_delivered(newest);
        Look::Idle(Some(busy))
    }
}

fn lost(wanted: Revision, mvcc: &Mvcc) -> StoreError {
    StoreError::Compacted { wanted, oldest: mvcc.floor() }
}

/// The events of a commit that are of `keys`; the commit itself where all are.
fn matching(
    revision: Revision,
    commit: &Arc<[Arc<Event>]>,
    keys: &KeyRange,
) -> Option<WatchUpdate> {
    let wanted = |event: &&Arc<Event>| keys.contains(event.kv.key.as_bytes());
    let events = match commit.iter().filter(wanted).count() {
        0 => return None,
        all if all == commit.len() => Arc::clone(commit),
        _ => commit.iter().filter(wanted).cloned().collect(),
    };
    Some(WatchUpdate::Events { revision, events })
}
