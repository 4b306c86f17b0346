//! Waiting until a plane has come to rest, and moving its time on.

use std::time::Duration;

use orchestrator_core::Env;

/// How long nothing may begin, in virtual time, before the plane counts as settled: longer than
/// the first retries of a work queue (5, 10, 20 ms), shorter than anything that pods wait for.
const QUIET: Duration = Duration::from_millis(50);

/// How often the other tasks get a turn between two looks on a real clock.
const TURNS: usize = 64;

/// Returns when no event is undelivered, no reconcile is queued or running, and no timer is due.
pub(super) async fn settle(env: &Env) {
    loop {
        let begun = env.activity().begun();
        if env.is_simulated() {
            // Under tokio's paused clock this returns only when nothing else can run.
            env.sleep(QUIET).await;
        } else {
            env.activity().idle().await;
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
        if env.activity().busy() == 0 && env.activity().begun() == begun {
            return;
        }
    }
}

/// Lets `duration` pass, with everything that falls due in it in order, and settles.
pub(super) async fn advance(env: &Env, duration: Duration) {
    env.sleep(duration).await;
    settle(env).await;
}
