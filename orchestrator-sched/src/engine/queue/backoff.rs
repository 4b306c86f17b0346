//! How long pods wait.

use std::time::Duration;

/// How long pods wait before they are tried again.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first failure; doubled with each further one.
    pub initial: Duration,
    /// At most.
    pub max: Duration,
    /// How long a pod waits for a change that helps before it is tried anyway, in case that a
    /// plugin's idea of what helps is wrong.
    pub unschedulable: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            max: Duration::from_secs(10),
            unschedulable: Duration::from_secs(300),
        }
    }
}

impl Backoff {
    /// How long a pod that was tried `attempts` times waits.
    pub(super) fn after(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        self.initial.saturating_mul(1 << doublings).min(self.max)
    }
}
