//! A controller that runs, with the ways from what it watches into its queue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orchestrator_client::Informers;
use orchestrator_core::controller::{Change, Controller, WatchSpec};
use orchestrator_core::{Env, GroupVersionResource};

use super::Metrics;
use super::metrics::Counters;
use crate::queue::{Limits, Priority, WeakQueue, WorkQueue};

/// A controller that runs.
#[derive(Debug)]
pub(super) struct Started {
    pub queue: WorkQueue,
    pub counters: Arc<Counters>,
    controller: Arc<dyn Controller>,
    /// Whether the initial state has been delivered.
    ready: Arc<AtomicBool>,
    watched: BTreeSet<GroupVersionResource>,
}

impl Started {
    pub(super) fn new(
        controller: &Arc<dyn Controller>,
        env: &Env,
        limits: Limits,
        ready: &Arc<AtomicBool>,
    ) -> Self {
        Self {
            queue: WorkQueue::new(env, limits),
            counters: Arc::default(),
            controller: Arc::clone(controller),
            ready: Arc::clone(ready),
            watched: BTreeSet::new(),
        }
    }

    pub(super) fn metrics(&self) -> Metrics {
        self.counters.metrics(self.controller.name(), self.queue.depth())
    }

    /// Connects all that the controller watches, but for what it watched before.
    pub(super) fn connect(&mut self, informers: &Informers) {
        let mut specs = self.controller.watches();
        specs.retain(|spec| !self.watched.contains(&spec.resource));
        for WatchSpec { resource, keys } in specs {
            let feed = Feed {
                controller: self.controller.name().to_owned(),
                queue: self.queue.downgrade(),
                counters: Arc::clone(&self.counters),
                ready: Arc::clone(&self.ready),
            };
            let cache = informers.resource(&resource);
            cache.on_change(Arc::new(move |change| feed.enqueue(|| keys(change), change)));
            self.watched.insert(resource);
        }
    }

    /// What the controller watched and is not `served` any more; it is not watched from now on.
    pub(super) fn abandoned(
        &mut self,
        served: &BTreeSet<GroupVersionResource>,
    ) -> Vec<GroupVersionResource> {
        let gone: Vec<_> = self.watched.difference(served).cloned().collect();
        self.watched.retain(|resource| served.contains(resource));
        gone
    }
}

/// The way from a cache into a queue; it outlives the queue, because caches keep handlers.
#[derive(Debug)]
struct Feed {
    controller: String,
    queue: WeakQueue,
    counters: Arc<Counters>,
    ready: Arc<AtomicBool>,
}

impl Feed {
    fn enqueue(&self, keys: impl FnOnce() -> Vec<orchestrator_core::ObjectKey>, change: &Change) {
        let Some(queue) = self.queue.upgrade() else { return };
        let initial = change.old.is_none() && !self.ready.load(Ordering::Relaxed);
        let priority = if initial { Priority::LOW } else { Priority::NORMAL };
        for key in keys() {
            if queue.add(key, priority).is_err() {
                self.counters.refused.count();
                tracing::error!(controller = self.controller, "work queue is full, key dropped");
            }
        }
    }
}
