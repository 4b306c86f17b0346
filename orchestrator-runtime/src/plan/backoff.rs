//! Back-off: the pause before a container is run, or an image pulled, once more.
//!
//! The first retry is immediate; the pauses after it are 10 s, 20 s, 40 s and so on up to 5 min.
//! Whoever has run longer than twice the longest pause begins anew.

use std::time::Duration;

use jiff::Timestamp;

/// The first pause.
const BASE: Duration = Duration::from_secs(10);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(300);

/// The pause that is due after the next failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// How long.
    pub delay: Duration,
    /// When the delay was set: the last retry.
    pub updated_at: Timestamp,
}

impl BackOff {
    /// The back-off after a retry at `now` that followed a failure at `failed_at`.
    pub fn next(before: Option<Self>, failed_at: Timestamp, now: Timestamp) -> Self {
        let delay = match before {
            Some(before) if !before.is_over(failed_at) => (before.delay * 2).min(LONGEST),
            _ => BASE,
        };
        Self { delay, updated_at: now }
    }

    /// When the next retry is due after a failure at `failed_at`.
    pub fn until(self, failed_at: Timestamp) -> Timestamp {
        if self.is_over(failed_at) { failed_at } else { after(failed_at, self.delay) }
    }

    /// Whether what failed then had worked for so long that it begins anew.
    fn is_over(self, failed_at: Timestamp) -> bool {
        failed_at > after(self.updated_at, LONGEST * 2)
    }
}

/// `time` plus `span`, or the end of time.
pub(super) fn after(time: Timestamp, span: Duration) -> Timestamp {
    time.saturating_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn pauses_double_from_ten_seconds_to_five_minutes() {
        let mut backoff = None;
        let mut now = at(1000);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let due = backoff.map_or(now, |b: BackOff| b.until(now));
            pauses.push(due.duration_since(now).as_secs());
            backoff = Some(BackOff::next(backoff, now, due));
            now = due;
        }
        assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn ten_good_minutes_make_it_begin_anew() {
        let old = BackOff { delay: Duration::from_secs(160), updated_at: at(0) };
        assert_eq!(old.until(at(600)), at(760));
        assert_eq!(old.until(at(601)), at(601));
        assert_eq!(BackOff::next(Some(old), at(601), at(601)).delay, BASE);
    }
}
