//! How long attempts took, as a histogram.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// The upper end of the first bar, in microseconds; each further one is twice as high.
const FIRST_US: u64 = 16;

/// How many bars there are; what takes longer than the last is in it: half an hour.
const BARS: usize = 28;

/// How long the attempts of a scheduler took, from the moment when a pod was taken from the queue
/// until it was bound, or until its condition was written. Clones share one histogram.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Arc<Mutex<Histogram>>);

#[derive(Debug, Default)]
struct Histogram {
    scheduled: [u64; BARS],
    others: [u64; BARS],
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The pod was bound.
    Scheduled,
    /// No node took it, or it could not be bound.
    Otherwise,
}

impl Attempts {
    pub(super) fn add(&self, ended: Ended, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bar = us.div_ceil(FIRST_US).max(1).next_power_of_two().trailing_zeros() as usize;
        self.0.lock().of(ended)[bar.min(BARS - 1)] += 1;
    }

    /// How many attempts ended so and took at most so long, but longer than the bar before; bars
    /// after the longest attempt are left out.
    pub fn bars(&self, ended: Ended) -> Vec<(Duration, u64)> {
        let counts = *self.0.lock().of(ended);
        let used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        let end = |bar: usize| Duration::from_micros(FIRST_US << bar);
        counts[..used].iter().enumerate().map(|(bar, count)| (end(bar), *count)).collect()
    }
}

impl Histogram {
    fn of(&mut self, ended: Ended) -> &mut [u64; BARS] {
        match ended {
            Ended::Scheduled => &mut self.scheduled,
            Ended::Otherwise => &mut self.others,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_is_in_the_bar_that_it_does_not_exceed() {
        let attempts = Attempts::default();
        for us in [0, 16, 17, 32, 33] {
            attempts.add(Ended::Scheduled, Duration::from_micros(us));
        }
        attempts.add(Ended::Otherwise, Duration::MAX);
        let us = |us| Duration::from_micros(us);
        assert_eq!(attempts.bars(Ended::Scheduled), [(us(16), 2), (us(32), 2), (us(64), 1)]);
        assert_eq!(attempts.bars(Ended::Otherwise).len(), BARS);
    }
}
