//! Faults that can be planted into the engines: the test of the tests.
//!
//! The simulation has to find each of them within a bounded number of seeds, which shows that it
//! would find the like. An engine carries a [`Planted`] and asks it at the place of each fault:
//! `if planted.has(Fault::NoChecksum)`. Without the feature `planted` nothing can be switched on,
//! the answer is a constant, and no trace of a fault is compiled.

use std::collections::VecDeque;

use orchestrator_core::store::WatchUpdate;

/// A fault that an engine can be told to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// A member answers reads from what it has, without asking whether something is newer.
    LocalRead,
    /// A write is answered before it is synced.
    AckBeforeSync,
    /// New and renamed files are used before their names are synced.
    SkipDirSync,
    /// What is read from disk is believed without a look at its checksum.
    NoChecksum,
    /// A watch is given the changes of one revision in two items.
    SplitRevision,
    /// A watch is told progress for what it has not been given yet.
    EarlyProgress,
    /// A member that lost its disk comes back under its old number.
    ReusedNodeId,
    /// A restarted leader goes on leading without an election.
    LeaderRestore,
    /// Recovery skips a bad frame between good ones.
    SkipHole,
    /// The time that a lease has left is not given back after a restart or a change of leader.
    LeaseTimeLost,
    /// A log that a killed process left in the page cache is served before it is synced again.
    UnsyncedRecovery,
    /// A write whose caller was answered "unavailable" is proposed all the same.
    FalseRejection,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::LocalRead,
        Self::AckBeforeSync,
        Self::SkipDirSync,
        Self::NoChecksum,
        Self::SplitRevision,
        Self::EarlyProgress,
        Self::ReusedNodeId,
        Self::LeaderRestore,
        Self::SkipHole,
        Self::LeaseTimeLost,
        Self::UnsyncedRecovery,
        Self::FalseRejection,
    ];
}

/// The faults that an engine has: none, unless a test says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    #[cfg(feature = "planted")]
    set: u32,
}

impl Planted {
    /// No fault.
    pub const NONE: Self = Self {
        #[cfg(feature = "planted")]
        set: 0,
    };

    /// Only `fault`.
    #[cfg(feature = "planted")]
    pub const fn only(fault: Fault) -> Self {
        Self { set: 1 << fault as u32 }
    }

    /// Whether the engine has `fault`.
    #[inline]
    #[must_use]
    pub const fn has(self, fault: Fault) -> bool {
        #[cfg(feature = "planted")]
        return self.set & (1 << fault as u32) != 0;
        #[cfg(not(feature = "planted"))]
        {
            let _ = fault;
            false
        }
    }
}

impl Planted {
    /// Plants the faults of watches into `updates`, which a watcher is about to be given.
    #[cfg(not(feature = "planted"))]
    pub(crate) fn distort(self, _: &mut VecDeque<WatchUpdate>, _: bool) {}

    /// Plants the faults of watches into `updates`, which a watcher is about to be given.
    #[cfg(feature = "planted")]
    pub(crate) fn distort(self, updates: &mut VecDeque<WatchUpdate>, wants_progress: bool) {
        if self.has(Fault::SplitRevision) {
            *updates = std::mem::take(updates).into_iter().flat_map(halves).collect();
        }
        if self.has(Fault::EarlyProgress)
            && wants_progress
            && let Some(WatchUpdate::Events { revision, .. }) = updates.back()
        {
            updates.push_front(WatchUpdate::Progress(*revision));
        }
    }
}

/// An update in two, where it has two changes.
#[cfg(feature = "planted")]
fn halves(update: WatchUpdate) -> Vec<WatchUpdate> {
    match update {
        WatchUpdate::Events { revision, events } if events.len() > 1 => {
            let halves = events.chunks(events.len().div_ceil(2));
            halves.map(|half| WatchUpdate::Events { revision, events: half.into() }).collect()
        }
        whole => vec![whole],
    }
}

#[cfg(all(test, feature = "planted"))]
mod tests {
    use super::*;

    #[test]
    fn a_planted_fault_is_alone() {
        for fault in Fault::ALL {
            assert!(!Planted::NONE.has(fault));
            assert_eq!(Fault::ALL.into_iter().filter(|f| Planted::only(fault).has(*f)).count(), 1);
        }
    }
}
