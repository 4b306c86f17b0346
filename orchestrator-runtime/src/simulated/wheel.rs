//! The wheel: one task that runs small jobs at their times, for any number of nodes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use orchestrator_core::Env;
use orchestrator_core::env::Task;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs at their times; clones share it, the last one ends it.
#[derive(Clone)]
pub struct Wheel {
    schedule: Arc<Schedule>,
    _task: Arc<Task<()>>,
}

struct Schedule {
    jobs: Mutex<Jobs>,
    earlier: Notify,
}

#[derive(Default)]
struct Jobs {
    /// In order of time, then of arrival.
    by_time: BTreeMap<(Instant, u64), Job>,
    arrived: u64,
}

impl fmt::Debug for Wheel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel").field("jobs", &self.schedule.jobs.lock().by_time.len()).finish()
    }
}

impl Wheel {
    /// A wheel without jobs.
    pub fn new(env: &Env) -> Self {
        let jobs = Mutex::default();
        let schedule = Arc::new(Schedule { jobs, earlier: Notify::new() });
        let task = env.spawn("wheel", turn(env.clone(), Arc::clone(&schedule)));
        Self { schedule, _task: Arc::new(task) }
    }

    /// Runs `job` at `time`; it must be short and must not block.
    pub fn at(&self, time: Instant, job: impl FnOnce() + Send + 'static) {
        let mut jobs = self.schedule.jobs.lock();
        let place = (time, jobs.arrived);
        jobs.arrived += 1;
        let first = jobs.by_time.first_key_value().is_none_or(|(first, _)| place < *first);
        jobs.by_time.insert(place, Box::new(job));
        if first {
            self.schedule.earlier.notify_one();
        }
    }
}

async fn turn(env: Env, schedule: Arc<Schedule>) {
    loop {
        let next = schedule.jobs.lock().by_time.first_key_value().map(|((time, _), _)| *time);
        match next {
            None => schedule.earlier.notified().await,
            Some(time) if time <= env.instant() => {
                let job = schedule.jobs.lock().by_time.pop_first();
                if let Some((_, job)) = job {
                    job();
                }
            }
            Some(time) => tokio::select! {
                biased;
                () = schedule.earlier.notified() => {}
                () = env.sleep_until(time) => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn jobs_run_in_order_of_time_then_of_arrival() {
        let env = Env::simulated(1);
        let wheel = Wheel::new(&env);
        let start = env.instant();
        let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
        for (name, seconds) in [("c", 3), ("a", 1), ("b", 1), ("d", 7200)] {
            let sender = sender.clone();
            wheel.at(start + Duration::from_secs(seconds), move || sender.send(name).unwrap());
        }
        for name in ["a", "b", "c", "d"] {
            assert_eq!(order.recv().await, Some(name));
        }
        assert_eq!(env.instant() - start, Duration::from_secs(7200));
    }
}
