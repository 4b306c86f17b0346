//! The machine under one life of a member: its clock, whether it runs, when its power fails.
//!
//! Everything that a member does is a step of some task, and before each step its machine is asked
//! ([`Host::poll_turn`]). So a stopped process does nothing while time goes on, as under SIGSTOP,
//! and power can fail between any two steps: at every await of every task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use orchestrator_core::env::Host;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::disk::SimDisk;
use super::plan::Clock;

/// A thousand thousandths: a clock that runs right.
const RIGHT: u128 = 1000;

/// One life's machine.
#[derive(Debug)]
pub(super) struct Machine {
    disk: SimDisk,
    /// The run's time when the life began, and what the clock showed then.
    began: Instant,
    showed: Instant,
    /// How many thousandths of a second the clock counts in a second.
    rate: u128,
    /// Stopped, off, or with an end in sight: looked at before each step.
    special: AtomicBool,
    turns: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    off: bool,
    /// The power failed between two steps.
    failed: bool,
    stopped: bool,
    /// After how many steps the power fails.
    left: Option<u64>,
    waiting: Vec<Waker>,
}

impl Machine {
    /// A machine that runs on `disk` from `began` on; its clock starts anew in each life.
    pub(super) fn new(disk: SimDisk, began: Instant, clock: Clock, life: u32) -> Arc<Self> {
        let rate = 1000 + i128::from(clock.rate_permille);
        Arc::new(Self {
            disk,
            began,
            showed: began + clock.ahead * (life + 1),
            rate: u128::try_from(rate).expect("no clock runs backwards"),
            special: AtomicBool::new(false),
            turns: AtomicU64::new(0),
            state: Mutex::default(),
        })
    }

    /// Stops the process.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.special.store(true, Ordering::Relaxed);
    }

    /// Lets a stopped process go on.
    pub(super) fn go_on(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.stopped = false;
            std::mem::take(&mut state.waiting)
        };
        // In the order in which they wanted to run.
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Ends the life: nothing runs any more.
    pub(super) fn end(&self) {
        self.special.store(true, Ordering::Relaxed);
        let waiting = {
            let mut state = self.state.lock();
            state.off = true;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
    }

    /// Has the power fail after `turns` more steps.
    pub(super) fn fail_after(&self, turns: u64) {
        self.state.lock().left = Some(turns);
        self.special.store(true, Ordering::Relaxed);
    }

    /// Calls a planned failure off.
    pub(super) fn calm(&self) {
        self.state.lock().left = None;
    }

    /// Whether the power failed between two steps.
    pub(super) fn failed(&self) -> bool {
        self.state.lock().failed
    }

    /// How many steps there were.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    fn special_turn(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.off {
            return Poll::Pending;
        }
        if let Some(left) = &mut state.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                state.off = true;
                state.failed = true;
                drop(state);
                self.disk.crash();
                return Poll::Pending;
            }
        }
        if state.stopped {
            state.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl Host for Machine {
    fn shown(&self, real: Instant) -> Instant {
        let passed = real.saturating_duration_since(self.began);
        if self.rate == RIGHT {
            return self.showed + passed;
        }
        self.showed + nanos(passed.as_nanos() * self.rate / RIGHT)
    }

    fn real(&self, shown: Instant) -> Instant {
        let counted = shown.saturating_duration_since(self.showed);
        if self.rate == RIGHT {
            return self.began + counted;
        }
        self.began + nanos((counted.as_nanos() * RIGHT).div_ceil(self.rate))
    }

    fn poll_turn(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.turns.fetch_add(1, Ordering::Relaxed);
        if self.special.load(Ordering::Relaxed) { self.special_turn(cx) } else { Poll::Ready(()) }
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use orchestrator_core::Env;

    use super::*;

    fn machine(rate_permille: i32) -> (Arc<Machine>, Env) {
        let real = Env::simulated(1);
        let clock = Clock { ahead: Duration::from_secs(7), rate_permille };
        let machine = Machine::new(SimDisk::new(1), real.instant(), clock, 1);
        let env = Env::on_host(1, Arc::clone(&machine) as Arc<dyn Host>);
        (machine, env)
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_is_as_long_as_the_clock_says() {
        for rate in [-200, -1, 0, 3, 250] {
            let (real, (_machine, env)) = (Env::simulated(2), machine(rate));
            let (began, shown) = (real.instant(), env.instant());
            assert_eq!(shown - began, Duration::from_secs(14), "a clock of its own");
            env.sleep(Duration::from_secs(100)).await;
            let slept = (real.instant() - began).as_secs_f64();
            let due = 100.0 / (1.0 + f64::from(rate) / 1000.0);
            assert!((slept - due).abs() < 0.002, "{slept} instead of {due}");
            assert!(env.instant() - shown >= Duration::from_secs(100));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_process_goes_on_where_it_was_and_an_ended_one_does_not() {
        let (machine, env) = machine(0);
        machine.stop();
        let task = env.spawn("task", async { 5 });
        Env::simulated(3).sleep(Duration::from_secs(1)).await;
        assert!(!task.is_finished());
        machine.go_on();
        assert_eq!(task.await, Some(5));
        machine.end();
        machine.go_on();
        assert_eq!(env.hosted(async { 5 }).now_or_never(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn power_fails_at_the_step_that_was_chosen() {
        let (machine, env) = machine(0);
        machine.fail_after(3);
        for _ in 0..2 {
            assert_eq!(env.hosted(async { 5 }).now_or_never(), Some(5));
        }
        assert!(!machine.disk.is_crashed());
        assert_eq!(env.hosted(async { 5 }).now_or_never(), None);
        assert!(machine.disk.is_crashed());
        assert_eq!(machine.turns(), 3);
    }
}
