//! How long a key waits after it failed, and how many keys may be retried per second.

use std::time::Duration;

use tokio::time::Instant;

/// The waits of one key that fails again and again: the first, then twice as long each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Backoff {
    /// 5 ms up to 1000 s, as controllers of Kubernetes have it.
    fn default() -> Self {
        Self { first: Duration::from_millis(5), longest: Duration::from_secs(1000) }
    }
}

impl Backoff {
    /// The wait after so many failures in a row; nothing after none.
    pub fn delay(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

/// A token bucket over all keys, kept as the time at which it would be full again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The time between two tokens.
    pub interval: Duration,
    /// How many tokens a full bucket holds.
    pub burst: u32,
    full_at: Option<Instant>,
}

impl Default for Bucket {
    /// 10 per second and 100 at once, as controllers of Kubernetes have it.
    fn default() -> Self {
        Self::new(Duration::from_millis(100), 100)
    }
}

impl Bucket {
    /// A full bucket that gains a token per `interval` up to `burst`.
    pub fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, full_at: None }
    }

    /// Takes a token that may yet have to come; tells how long to wait for it.
    pub fn reserve(&mut self, now: Instant) -> Duration {
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now));
        self.full_at = Some(full_at + self.interval);
        let spare = self.interval.saturating_mul(self.burst.saturating_sub(1));
        (full_at - now).saturating_sub(spare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_the_longest() {
        let backoff = Backoff::default();
        let waits = [0, 1, 2, 3, 11, 18, 19, 33, u32::MAX].map(|n| backoff.delay(n).as_millis());
        assert_eq!(waits, [0, 5, 10, 20, 5120, 655_360, 1_000_000, 1_000_000, 1_000_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_gives_its_burst_at_once_and_then_one_per_interval() {
        let env = orchestrator_core::Env::simulated(1);
        let mut bucket = Bucket::new(Duration::from_millis(100), 2);
        let waits = [0; 4].map(|_| bucket.reserve(env.instant()).as_millis());
        assert_eq!(waits, [0, 0, 100, 200]);
        env.sleep(Duration::from_secs(60)).await;
        assert_eq!([0; 3].map(|_| bucket.reserve(env.instant()).as_millis()), [0, 0, 100]);
    }
}
