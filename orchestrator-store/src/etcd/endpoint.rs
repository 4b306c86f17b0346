//! The members that are spoken to: whose turn it is, and who is left alone for a while.
//!
//! Calls go round the endpoints that work. One that fails is left alone for a time that doubles
//! with each failure, with some chance in it, so that clients of a member that comes back do not
//! all come at once. Where all are left alone, a call waits for the first that is not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use orchestrator_core::Env;
use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::transport::Channel;

/// How long an endpoint is left alone after its first failure: a restart may take no longer.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause, which is also about how long a member that came back may go unnoticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// All endpoints of one store.
#[derive(Debug)]
pub(super) struct Endpoints {
    env: Env,
    all: Vec<Endpoint>,
    turn: AtomicUsize,
}

/// One endpoint: a connection for calls, and one for watches, so that a large answer to a call
/// does not hold up changes.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) uri: String,
    pub(super) calls: Channel,
    pub(super) streams: Channel,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    /// Until when it is left alone.
    pause: Option<Instant>,
}

impl Endpoints {
    /// The endpoints `all`, of which there is at least one.
    pub(super) fn new(env: Env, all: Vec<Endpoint>) -> Self {
        assert!(!all.is_empty(), "the builder refuses a store without endpoints");
        Self { env, all, turn: AtomicUsize::new(0) }
    }

    pub(super) fn all(&self) -> &[Endpoint] {
        &self.all
    }

    /// The next endpoint that is not left alone; waits for one, but not past `deadline`.
    pub(super) async fn choose(&self, deadline: Instant) -> Option<&Endpoint> {
        loop {
            let now = self.env.instant();
            if now >= deadline {
                return None;
            }
            let first = self.turn.fetch_add(1, Ordering::Relaxed);
            let mut earliest = deadline;
            for offset in 0..self.all.len() {
                let endpoint = &self.all[first.wrapping_add(offset) % self.all.len()];
                match endpoint.paused_until() {
                    Some(until) if until > now => earliest = earliest.min(until),
                    _ => return Some(endpoint),
                }
            }
            self.env.sleep_until(earliest).await;
        }
    }

    /// Notes that `endpoint` failed.
    pub(super) fn failed(&self, endpoint: &Endpoint) {
        let mut health = endpoint.health.lock();
        let doubled = FIRST_PAUSE.saturating_mul(1 << health.failures.min(10));
        let pause = doubled.min(LONGEST_PAUSE).mul_f64(0.5 + self.env.random_unit() / 2.0);
        health.failures += 1;
        health.pause = Some(self.env.instant() + pause);
    }
}

impl Endpoint {
    pub(super) fn new(uri: String, calls: Channel, streams: Channel) -> Self {
        Self { uri, calls, streams, health: Mutex::default() }
    }

    /// Notes that it answered.
    pub(super) fn works(&self) {
        let mut health = self.health.lock();
        if health.failures > 0 {
            *health = Health::default();
        }
    }

    /// Whether it failed and has not answered since.
    pub(super) fn is_doubtful(&self) -> bool {
        self.health.lock().failures > 0
    }

    fn paused_until(&self) -> Option<Instant> {
        self.health.lock().pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::transport::Endpoint as Dial;

    fn endpoints(env: &Env, count: usize) -> Endpoints {
        let one = |n: usize| {
            let channel = Dial::from_static("http://127.0.0.1:1").connect_lazy();
            Endpoint::new(n.to_string(), channel.clone(), channel)
        };
        Endpoints::new(env.clone(), (0..count).map(one).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn calls_go_round_those_that_work_and_wait_where_none_does() {
        let env = Env::simulated(1);
        let all = endpoints(&env, 3);
        let deadline = env.instant() + Duration::from_secs(10);
        let mut order = String::new();
        for turn in 0..9 {
            let chosen = all.choose(deadline).await.expect("one works");
            order.push_str(&chosen.uri);
            if turn == 2 {
                all.failed(&all.all()[1]);
            }
        }
        assert_eq!(order, "012022022", "the one that failed is passed over");
        all.all().iter().for_each(|endpoint| all.failed(endpoint));
        let before = env.instant();
        assert!(all.choose(deadline).await.is_some());
        let waited = env.instant() - before;
        assert!(waited >= FIRST_PAUSE / 2 && waited <= FIRST_PAUSE * 2, "{waited:?}");
        for _ in 0..20 {
            all.all().iter().for_each(|endpoint| all.failed(endpoint));
        }
        let soon = env.instant() + Duration::from_millis(500);
        assert!(all.choose(soon).await.is_none(), "not past the deadline");
        assert!(all.choose(env.instant() + LONGEST_PAUSE).await.is_some());
    }
}
