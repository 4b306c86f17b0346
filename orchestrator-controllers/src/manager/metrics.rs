//! What a controller has done so far, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::queue::Depth;

/// What a controller has done so far, and what it has before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// The controller's name.
    pub controller: String,
    /// How many reconciles have ended.
    pub reconciles: u64,
    /// How many of them failed, panics among them.
    pub failures: u64,
    /// How many of them panicked.
    pub panics: u64,
    /// How many of them asked to run again later.
    pub requeues: u64,
    /// How many keys the full queue has refused.
    pub refused: u64,
    /// How many times the caches did not show a reconcile's writes in time.
    pub unseen_writes: u64,
    /// The keys in the queue.
    pub depth: Depth,
}

/// The counters behind [`Metrics`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub reconciles: Counter,
    pub failures: Counter,
    pub panics: Counter,
    pub requeues: Counter,
    pub refused: Counter,
    pub unseen_writes: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn metrics(&self, controller: &str, depth: Depth) -> Metrics {
        Metrics {
            controller: controller.into(),
            reconciles: self.reconciles.get(),
            failures: self.failures.get(),
            panics: self.panics.get(),
            requeues: self.requeues.get(),
            refused: self.refused.get(),
            unseen_writes: self.unseen_writes.get(),
            depth,
        }
    }
}
