//! One watcher: how far it has come, and how it takes what it is owed.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::task::Waker;

use orchestrator_core::store::{Revision, StoreError, WatchUpdate};

use super::group::Group;
use super::index::GroupId;
use super::{Look, Updates, WatcherId, matching};
use crate::mvcc::Mvcc;

/// The most updates that a watcher takes from the history at a look: enough to pay for the lock.
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
    /// Has, or may have, something to take; its group counts that as work in progress.
    Behind,
}

impl Watcher {
    pub(super) fn set_place(&mut self, now: usize) {
        if let State::Idle { place, .. } = &mut self.state {
            *place = now;
        }
    }

    /// Takes the changes that the group knows of.
    pub(super) fn take_known(&mut self, group: &Group, mvcc: &Mvcc) -> Option<Look> {
        let part = group.changes(self.cursor)?;
        if part.first < mvcc.floor() {
            return Some(Look::Lost(lost(part.first, mvcc)));
        }
        self.cursor = part.last.next();
        Some(Look::Updates(Updates::shared(part)))
    }

    /// Searches the log for changes from before the group knows them.
    pub(super) fn search_log(&mut self, group: &Group, mvcc: &Mvcc) -> Look {
        if self.cursor < mvcc.floor() {
            return Look::Lost(lost(self.cursor, mvcc));
        }
        let mut updates = VecDeque::new();
        let end = group.known_from().get().min(self.cursor.get() + MAX_SCAN);
        while self.cursor.get() < end && updates.len() < MAX_BATCH {
            if let Some(commit) = mvcc.events(self.cursor)
                && let Some(events) = matching(commit, &group.keys)
            {
                updates.push_back(WatchUpdate::Events { revision: self.cursor, events });
            }
            self.cursor = self.cursor.next();
        }
        if updates.is_empty() { Look::Again } else { Look::Updates(Updates::Own(updates)) }
    }

    /// Waits for the next change, unless progress is due.
    pub(super) fn rest(
        &mut self,
        id: WatcherId,
        group: &mut Group,
        newest: Revision,
        waker: &Waker,
    ) -> Look {
        // Before its first revision a watcher has nothing to be told about.
        let has_begun = self.cursor <= newest.next();
        if std::mem::take(&mut self.progress_due) && has_begun {
            return Look::Updates(Updates::one(WatchUpdate::Progress(newest)));
        }
        self.cursor = self.cursor.max(newest.next());
        if let State::Idle { waker: kept, .. } = &mut self.state {
            match kept {
                Some(kept) => kept.clone_from(waker),
                None => *kept = Some(waker.clone()),
            }
            return Look::Idle(None);
        }
        self.state = State::Idle { place: group.idle.len(), waker: Some(waker.clone()) };
        group.idle.push(id);
        Look::Idle(group.settle(newest))
    }

    /// Falls behind, for there are `revisions` that it has not seen, unless it waits for later
    /// ones; its waker goes to `wakers` then.
    pub(super) fn wake(
        &mut self,
        revisions: &RangeInclusive<Revision>,
        wakers: &mut impl Extend<Waker>,
    ) -> bool {
        // While idle the cursor lags; everything before has been delivered.
        self.cursor = self.cursor.max(*revisions.start());
        if self.cursor > *revisions.end() {
            return false;
        }
        if let State::Idle { waker, .. } = std::mem::replace(&mut self.state, State::Behind) {
            wakers.extend(waker);
        }
        true
    }
}

fn lost(wanted: Revision, mvcc: &Mvcc) -> StoreError {
    StoreError::Compacted { wanted, oldest: mvcc.floor() }
}
