//! A simulated machine under an environment: its clock may run wrong, and it may stop or end.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::Either;
use tokio::time::Instant;

/// What a simulated process runs on; without one the clock is right and nothing stops.
///
/// Several processes of one simulated run can so have clocks of their own, be stopped as a signal
/// would stop them, and lose power between any two steps of any of their tasks.
pub trait Host: Debug + Send + Sync {
    /// What the machine's monotonic clock shows at the run's time `real`.
    fn shown(&self, real: Instant) -> Instant;

    /// The run's time from which on the machine's clock shows `shown` or later.
    fn real(&self, shown: Instant) -> Instant;

    /// Asked before each step of each task: pending where the task may not run now.
    ///
    /// Whoever says so wakes `cx` when it may, or never if the machine is off for good.
    fn poll_turn(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Runs `future` on `host`.
pub(super) fn run<F: Future>(host: Option<&Arc<dyn Host>>, future: F) -> Either<F, Hosted<F>> {
    match host {
        None => Either::Left(future),
        Some(host) => Either::Right(Hosted { host: Arc::clone(host), future: Box::pin(future) }),
    }
}

/// A future that runs only when its host lets it.
pub(super) struct Hosted<F> {
    host: Arc<dyn Host>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Hosted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        ready!(self.host.poll_turn(cx));
        self.future.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;
    use parking_lot::Mutex;

    use super::*;
    use crate::Env;

    /// A machine whose clock is twice as fast, and which can be stopped.
    #[derive(Debug)]
    struct Fast {
        began: Instant,
        stopped: Mutex<bool>,
    }

    impl Host for Fast {
        fn shown(&self, real: Instant) -> Instant {
            real + (real - self.began)
        }

        fn real(&self, shown: Instant) -> Instant {
            self.began + (shown - self.began) / 2
        }

        fn poll_turn(&self, _: &mut Context<'_>) -> Poll<()> {
            if *self.stopped.lock() { Poll::Pending } else { Poll::Ready(()) }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_has_its_own_clock_and_can_be_stopped() {
        let right = Env::simulated(1);
        let began = right.instant();
        let host = Arc::new(Fast { began, stopped: Mutex::new(false) });
        let env = Env::on_host(1, Arc::clone(&host) as Arc<dyn Host>);
        env.sleep(Duration::from_secs(10)).await;
        assert_eq!(right.instant() - began, Duration::from_secs(5));
        assert_eq!(env.instant() - began, Duration::from_secs(10));
        assert_eq!(env.now_rfc3339(), "2026-01-01T00:00:10Z");
        assert_eq!(env.hosted(async { 1 }).now_or_never(), Some(1));
        *host.stopped.lock() = true;
        assert_eq!(env.hosted(async { 1 }).now_or_never(), None);
        let task = env.spawn("stopped", async {});
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
    }
}
