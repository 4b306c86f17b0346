//! The work queue: which keys are to be reconciled, when, and never twice at a time.
//!
//! A key is in the queue at most once however often it is added, and a key that is added while
//! it runs becomes ready again when it is done: no change is lost, no two runs of a key overlap.
//! Keys leave by priority, then in the order in which they came. A key may wait for a time, or
//! for the backoff after a failure. [`settle`](orchestrator_core::env::Activity) sees keys that
//! are ready or running, not those that wait for a future time.
//!
//! `State` holds all rules and is pure; [`WorkQueue`] adds the clock and the waiting.

mod backoff;
mod state;
#[cfg(test)]
mod tests;

pub use backoff::{Backoff, Bucket};

use std::sync::{Arc, Weak};
use std::time::Duration;

use orchestrator_core::{Env, ObjectKey};
use parking_lot::Mutex;
use tokio::sync::Notify;

use state::State;

/// How urgent a key is; greater ones run first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub i32);

impl Priority {
    /// What was already there when the controller started: nothing happened to it.
    pub const LOW: Self = Self(-100);
    /// What has changed.
    pub const NORMAL: Self = Self(0);
}

/// How many keys a queue holds at most: far above any cluster's objects of one kind, so that
/// only a key mapper gone wild meets it.
pub const DEFAULT_CAPACITY: usize = 1 << 20;

/// The limits of a queue.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many keys are known at most: ready, running, waiting.
    pub capacity: usize,
    /// The waits of one key that fails.
    pub backoff: Backoff,
    /// The retries of all keys together.
    pub bucket: Bucket,
}

impl Default for Limits {
    fn default() -> Self {
        Self { capacity: DEFAULT_CAPACITY, backoff: Backoff::default(), bucket: Bucket::default() }
    }
}

/// The queue knows as many keys as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("work queue is full")]
pub struct Full;

/// How many keys a queue knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Keys to be run now.
    pub ready: usize,
    /// Keys that run.
    pub running: usize,
    /// Keys that wait for a time.
    pub waiting: usize,
}

/// A queue of keys with many producers and one consumer; clones share it.
#[derive(Debug)]
pub struct WorkQueue<K = ObjectKey> {
    shared: Arc<Shared<K>>,
}

impl<K> Clone for WorkQueue<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

/// A producer's handle, which does not keep the queue alive.
#[derive(Debug)]
pub struct WeakQueue<K = ObjectKey> {
    shared: Weak<Shared<K>>,
}

#[derive(Debug)]
struct Shared<K> {
    env: Env,
    state: Mutex<State<K>>,
    wake: Notify,
}

impl<K: Clone + Ord> WorkQueue<K> {
    /// An empty queue on the clock of `env`.
    pub fn new(env: &Env, limits: Limits) -> Self {
        let state = Mutex::new(State::new(limits, env.activity().clone()));
        Self { shared: Arc::new(Shared { env: env.clone(), state, wake: Notify::new() }) }
    }

    /// A handle that does not keep the queue alive.
    pub fn downgrade(&self) -> WeakQueue<K> {
        WeakQueue { shared: Arc::downgrade(&self.shared) }
    }

    /// Adds a key to be run now.
    ///
    /// # Errors
    /// The queue is full; the key is not in it.
    pub fn add(&self, key: K, priority: Priority) -> Result<(), Full> {
        let added = self.shared.state.lock().add(key, priority);
        self.shared.wake.notify_one();
        added
    }

    /// Adds a key to be run after `delay`; of two delays the one that ends first counts, and a
    /// run before that voids both.
    ///
    /// # Errors
    /// The queue is full; the key is not in it.
    pub fn add_after(&self, key: K, delay: Duration) -> Result<(), Full> {
        // A wait beyond the clock's end is one that nobody lives to see.
        let Some(at) = self.shared.env.instant().checked_add(delay) else { return Ok(()) };
        let added = self.shared.state.lock().add_at(key, at);
        self.shared.wake.notify_one();
        added
    }

    /// Notes that a running key has failed, to be run again after its backoff.
    pub fn retry(&self, key: &K) {
        let now = self.shared.env.instant();
        let delay = self.shared.state.lock().fail(key, now);
        // A running key is known, so there is room for it.
        let _ = self.add_after(key.clone(), delay);
    }

    /// Notes that a key has not failed.
    pub fn forget(&self, key: &K) {
        self.shared.state.lock().forget(key);
    }

    /// How often in a row a key has failed.
    pub fn failures(&self, key: &K) -> u32 {
        self.shared.state.lock().failures(key)
    }

    /// The next key, which counts as running until [`done`](Self::done); `None` after
    /// [`shutdown`](Self::shutdown).
    ///
    /// # Cancellation
    /// A key is taken in the poll that returns it, so none is lost.
    pub async fn next(&self) -> Option<K> {
        loop {
            let timer = {
                let mut state = self.shared.state.lock();
                if state.is_shut() {
                    return None;
                }
                state.fire(self.shared.env.instant());
                if let Some(key) = state.take() {
                    return Some(key);
                }
                state.next_timer()
            };
            let woken = self.shared.wake.notified();
            match timer {
                None => woken.await,
                Some(at) => tokio::select! {
                    biased;
                    () = woken => {}
                    () = self.shared.env.sleep_until(at) => {}
                },
            }
        }
    }

    /// Notes that a key has run; it becomes ready again if it was added meanwhile.
    pub fn done(&self, key: &K) {
        self.shared.state.lock().done(key);
        self.shared.wake.notify_one();
    }

    /// Forgets all keys and takes no more.
    pub fn shutdown(&self) {
        self.shared.state.lock().shut();
        self.shared.wake.notify_one();
    }

    /// How many keys there are.
    pub fn depth(&self) -> Depth {
        self.shared.state.lock().depth()
    }
}

impl<K: Clone + Ord> WeakQueue<K> {
    /// The queue, if somebody still consumes it.
    pub fn upgrade(&self) -> Option<WorkQueue<K>> {
        self.shared.upgrade().map(|shared| WorkQueue { shared })
    }
}
