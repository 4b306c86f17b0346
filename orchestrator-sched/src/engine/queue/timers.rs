//! Pods by the time at which something is due for them.

use std::collections::BTreeSet;
use std::time::Duration;

use orchestrator_core::scheduler::PodId;

/// Positions of pods in time, some of them out of date.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Duration, u64, PodId)>);

impl Timers {
    /// Adds the position of this number.
    pub fn add(&mut self, due: Duration, number: u64, id: PodId) {
        self.0.insert((due, number, id));
    }

    /// Takes out a position that is due by now, the earliest first.
    pub fn pop_due(&mut self, now: Duration) -> Option<(PodId, u64)> {
        self.0.first().filter(|(due, _, _)| *due <= now)?;
        self.0.pop_first().map(|(_, number, id)| (id, number))
    }

    /// The earliest position that is not out of date; those before it are dropped.
    pub fn first(&mut self, is_newest: impl Fn(&PodId, u64) -> bool) -> Option<(Duration, &PodId)> {
        while let Some((_, number, id)) = self.0.first()
            && !is_newest(id, *number)
        {
            self.0.pop_first();
        }
        self.0.first().map(|(due, _, id)| (*due, id))
    }
}
