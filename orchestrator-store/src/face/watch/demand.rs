//! Progress on demand: one answer for all watchers of a stream, and only when it is true of all.
//!
//! The answer tells a revision up to which every watcher has been given everything, and no watcher
//! more. So what lies beyond that revision is held back until the last watcher has come so
//! far, which each shows by progress, or by a change beyond it. Clients that keep a cache rely on
//! both halves: a revision that is too high makes them serve old data as new, and one below what
//! they have been given turns their cache's clock back.

use std::collections::BTreeSet;
use std::sync::Arc;

use orchestrator_core::store::{Event, Revision};

/// How many changes are held back before the demand is given up; the client will ask again.
const MAX_HELD: usize = 4096;

/// The changes of one revision for one watcher.
pub(super) type Held = (i64, Revision, Arc<[Arc<Event>]>);

/// A demand that is not answered yet.
#[derive(Debug)]
pub(super) struct Demand {
    /// The revision that will be told.
    pub(super) target: Revision,
    /// The watchers that have not come so far.
    waiting: BTreeSet<i64>,
    held: Vec<Held>,
    /// Whether another demand came meanwhile.
    pub(super) again: bool,
}

/// How a demand stands.
#[derive(Debug, PartialEq)]
pub(super) enum Standing {
    /// Some watcher has not come so far.
    Waiting,
    /// All have.
    Met,
    /// Too much is held back.
    Hopeless,
}

impl Demand {
    /// A demand of the newest revision `target` on the watchers `waiting`.
    pub(super) fn new(target: Revision, waiting: BTreeSet<i64>) -> Self {
        Self { target, waiting, held: Vec::new(), again: false }
    }

    /// Waits for one more watcher.
    pub(super) fn include(&mut self, watcher: i64) {
        self.waiting.insert(watcher);
    }

    /// Notes that `watcher` has everything up to `revision`, or is gone.
    pub(super) fn reached(&mut self, watcher: i64, revision: Revision) {
        if revision >= self.target {
            self.waiting.remove(&watcher);
        }
    }

    /// Holds back what lies beyond the target, and learns from it how far its watcher is.
    pub(super) fn hold(&mut self, held: Held) {
        self.waiting.remove(&held.0);
        self.held.push(held);
    }

    pub(super) fn standing(&self) -> Standing {
        match (self.waiting.is_empty(), self.held.len()) {
            (true, _) => Standing::Met,
            (false, MAX_HELD..) => Standing::Hopeless,
            (false, _) => Standing::Waiting,
        }
    }

    /// What was held back, in the order in which it came.
    pub(super) fn release(self) -> Vec<Held> {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_is_met_when_every_watcher_has_shown_how_far_it_is() {
        let mut demand = Demand::new(Revision::new(10), BTreeSet::from([1, 2, 3]));
        demand.reached(1, Revision::new(9));
        demand.reached(1, Revision::new(10));
        demand.hold((2, Revision::new(11), Arc::from([])));
        assert_eq!(demand.standing(), Standing::Waiting);
        demand.include(4);
        demand.reached(3, Revision::new(12));
        assert_eq!(demand.standing(), Standing::Waiting);
        demand.reached(4, Revision::new(10));
        assert_eq!(demand.standing(), Standing::Met);
        assert_eq!(demand.release().len(), 1);
    }

    #[test]
    fn a_watcher_that_never_comes_does_not_hold_back_for_ever() {
        let mut demand = Demand::new(Revision::new(1), BTreeSet::from([1, 2]));
        for revision in 2..MAX_HELD as u64 + 2 {
            assert_eq!(demand.standing(), Standing::Waiting);
            demand.hold((1, Revision::new(revision), Arc::from([])));
        }
        assert_eq!(demand.standing(), Standing::Hopeless);
    }
}
