//! The environment: clock, randomness, uids, tasks and the count of work in progress.
//!
//! Everything that could make two runs differ comes from an [`Env`] that is handed in, so a plane
//! built on [`Env::simulated`] under tokio's paused clock replays byte for byte. No other module
//! calls `Instant::now`, `SystemTime::now` or `tokio::spawn`.

mod activity;
mod host;
mod task;

pub use activity::{Activity, Busy};
pub use host::Host;
pub use task::{Task, Tasks};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

/// The instant at which every simulated run begins: 2026-01-01T00:00:00Z, in Unix seconds.
const SIMULATED_START_S: i64 = 1_767_225_600;

/// The longest that blocking work is put off in a simulation, in microseconds: a slow fsync.
const SIMULATED_IO_US: u64 = 1000;

/// The letters of generated name suffixes: no vowels and no look-alikes, so that no words appear.
const SUFFIX_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Clock, randomness, uids, tasks and activity of one plane; cheap to clone, shared by its parts.
#[derive(Clone)]
pub struct Env {
    inner: Arc<Inner>,
}

struct Inner {
    clock: WallClock,
    random: Mutex<fastrand::Rng>,
    activity: Activity,
    host: Option<Arc<dyn Host>>,
}

/// Where the time of day comes from.
enum WallClock {
    /// The host's clock.
    System,
    /// A fixed start, moved on by tokio's clock, which tests pause and advance.
    Simulated { start: Timestamp, since: Instant },
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").field("simulated", &self.is_simulated()).finish_non_exhaustive()
    }
}

impl Env {
    /// The host's clock and randomness.
    pub fn system() -> Self {
        Self::new(WallClock::System, fastrand::Rng::new(), None)
    }

    /// A run that depends on nothing but `seed`: time starts at 2026-01-01 and follows tokio's
    /// clock, all randomness derives from the seed.
    pub fn simulated(seed: u64) -> Self {
        Self::of_seed(seed, None)
    }

    /// As [`simulated`](Self::simulated), for one process of several in a run, on a machine of its
    /// own.
    pub fn on_host(seed: u64, host: Arc<dyn Host>) -> Self {
        Self::of_seed(seed, Some(host))
    }

    #[allow(clippy::disallowed_methods)]
    fn of_seed(seed: u64, host: Option<Arc<dyn Host>>) -> Self {
        let start = Timestamp::from_second(SIMULATED_START_S).expect("a date within range");
        let clock = WallClock::Simulated { start, since: Instant::now() };
        Self::new(clock, fastrand::Rng::with_seed(seed), host)
    }

    fn new(clock: WallClock, random: fastrand::Rng, host: Option<Arc<dyn Host>>) -> Self {
        let random = Mutex::new(random);
        let inner = Inner { clock, random, activity: Activity::default(), host };
        Self { inner: Arc::new(inner) }
    }

    /// Whether time of day and randomness derive from a seed.
    pub fn is_simulated(&self) -> bool {
        matches!(self.inner.clock, WallClock::Simulated { .. })
    }

    /// The time of day.
    #[allow(clippy::disallowed_methods)]
    pub fn now(&self) -> Timestamp {
        match &self.inner.clock {
            WallClock::System => Timestamp::now(),
            WallClock::Simulated { start, since } => {
                let since = self.instant().saturating_duration_since(*since);
                start.saturating_add(since).expect("tokio's clock stays in range")
            }
        }
    }

    /// The time of day as objects carry it: RFC 3339, whole seconds, `Z`.
    pub fn now_rfc3339(&self) -> String {
        rfc3339(self.now())
    }

    /// The monotonic time, which [`sleep_until`](Self::sleep_until) takes.
    #[allow(clippy::disallowed_methods)]
    pub fn instant(&self) -> Instant {
        let real = Instant::now();
        self.inner.host.as_ref().map_or(real, |host| host.shown(real))
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        let hosted = self.inner.host.as_ref().and(self.instant().checked_add(duration));
        match hosted {
            Some(deadline) => self.sleep_until(deadline).await,
            None => tokio::time::sleep(duration).await,
        }
    }

    /// Waits until `deadline`.
    pub async fn sleep_until(&self, deadline: Instant) {
        let real = self.inner.host.as_ref().map_or(deadline, |host| host.real(deadline));
        tokio::time::sleep_until(real).await;
    }

    /// A number below `bound`; 0 where `bound` is 0.
    pub fn random_below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.inner.random.lock().u64(0..bound) }
    }

    /// A number in `0.0..1.0`.
    pub fn random_unit(&self) -> f64 {
        self.inner.random.lock().f64()
    }

    /// A new uid in the form of a version 4 UUID.
    pub fn uid(&self) -> String {
        let bits = self.inner.random.lock().u128(..);
        let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    /// `len` letters for the end of a generated name.
    pub fn suffix(&self, len: usize) -> String {
        let mut random = self.inner.random.lock();
        (0..len).map(|_| char::from(SUFFIX_LETTERS[random.usize(..SUFFIX_LETTERS.len())])).collect()
    }

    /// `len` hexadecimal letters that nobody can guess: from the operating system, or from the seed
    /// in a simulated run.
    ///
    /// # Panics
    /// The operating system has no randomness.
    pub fn secret(&self, len: usize) -> String {
        let mut bytes = vec![0; len.div_ceil(2)];
        match self.is_simulated() {
            true => self.inner.random.lock().fill(&mut bytes),
            false => getrandom::fill(&mut bytes).expect("the operating system has randomness"),
        }
        let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        text.truncate(len);
        text
    }

    /// Starts `future` as a task that ends when the returned [`Task`] is dropped.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task::spawn(name, host::run(self.inner.host.as_ref(), future))
    }

    /// Runs `future` as a part of the process: where that is stopped or off, it does not run.
    pub async fn hosted<F: Future>(&self, future: F) -> F::Output {
        host::run(self.inner.host.as_ref(), future).await
    }

    /// Runs `work`, which may block the thread: file I/O above all.
    ///
    /// On the host it runs on a thread of its own; in a simulation here, after a moment of virtual
    /// time, so that others act between the request and its effect.
    ///
    /// # Cancellation
    /// Dropping the future before `work` began may prevent it; once begun it runs to its end.
    ///
    /// # Panics
    /// `work` panicked, or the runtime is shutting down.
    #[allow(clippy::disallowed_methods)]
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        if self.is_simulated() {
            self.sleep(Duration::from_micros(20 + self.random_below(SIMULATED_IO_US))).await;
            return work();
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => panic!("the runtime is shutting down"),
        }
    }

    /// The count of work in progress, which `settle` waits on.
    pub fn activity(&self) -> &Activity {
        &self.inner.activity
    }
}

/// `time` as objects carry it: RFC 3339, whole seconds, `Z`.
pub fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `time` with microseconds, as leases and events carry it.
pub fn rfc3339_micros(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_seed_decides_uids_suffixes_and_the_clock() {
        let (a, b) = (Env::simulated(7), Env::simulated(7));
        assert_eq!((a.uid(), a.suffix(5)), (b.uid(), b.suffix(5)));
        assert_ne!(Env::simulated(8).uid(), Env::simulated(7).uid());
        assert_eq!(a.now_rfc3339(), "2026-01-01T00:00:00Z");
        a.sleep(Duration::from_secs(90)).await;
        assert_eq!(a.now_rfc3339(), "2026-01-01T00:01:30Z");
        assert_eq!(rfc3339_micros(a.now()), "2026-01-01T00:01:30.000000Z");
    }

    #[test]
    fn a_secret_has_its_length_and_comes_from_the_seed_only_in_a_simulation() {
        assert_eq!(Env::system().secret(33).len(), 33);
        assert_ne!(Env::system().secret(32), Env::system().secret(32));
        assert_eq!(Env::simulated(1).secret(32), Env::simulated(1).secret(32));
    }

    #[test]
    fn a_uid_is_a_version_4_uuid() {
        let uid = Env::system().uid();
        assert_eq!(uid.len(), 36);
        assert_eq!(&uid[14..15], "4");
        assert!(matches!(&uid[19..20], "8" | "9" | "a" | "b"));
    }
}
