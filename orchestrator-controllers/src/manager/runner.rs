//! Runs one controller: takes keys from its queue and reconciles up to so many at a time.
//!
//! A key whose reconcile has written stays taken until the caches show the writes (*read your
//! own writes*), so its next run never decides on an older state than the last one left behind.
//! Such a key does not use up one of the places for concurrent reconciles.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use orchestrator_client::{Informers, Write, record_writes};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext};
use orchestrator_core::{Env, ObjectKey, Status};
use tracing::Instrument;

use super::metrics::Counters;
use crate::queue::WorkQueue;

/// How long a key waits at most until the caches show its writes. A watch that was cut is
/// resumed well within this time; beyond it the next run relies on version conflicts instead.
const GATE_LIMIT: Duration = Duration::from_secs(60);

/// A controller with its queue, and what its reconciles need.
#[derive(Clone, Debug)]
pub(super) struct Runner {
    pub controller: Arc<dyn Controller>,
    pub queue: WorkQueue,
    pub counters: Arc<Counters>,
    pub informers: Informers,
    pub env: Env,
}

impl Runner {
    /// Reconciles until the queue is shut down. Dropping the future drops what runs.
    pub(super) async fn run(self) {
        let limit = self.controller.concurrency().max(1);
        let mut running = FuturesUnordered::new();
        let mut gated = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some((key, writes)) = running.next(), if !running.is_empty() => {
                    gated.push(self.gate(key, writes));
                }
                Some(key) = gated.next(), if !gated.is_empty() => self.queue.done(&key),
                next = self.queue.next(), if running.len() < limit => match next {
                    Some(key) => running.push(self.reconcile(key)),
                    None => return,
                },
            }
        }
    }

    /// Reconciles one key and decides when it runs again; returns what it wrote.
    async fn reconcile(&self, key: ObjectKey) -> (ObjectKey, Vec<Write>) {
        let span = tracing::debug_span!("reconcile", controller = self.controller.name(), %key);
        let (result, writes) = record_writes(self.guarded(&key)).instrument(span.clone()).await;
        let _entered = span.enter();
        self.counters.reconciles.count();
        match result {
            Ok(Outcome::Done) => self.queue.forget(&key),
            Ok(Outcome::RequeueAfter(delay)) => {
                self.counters.requeues.count();
                self.queue.forget(&key);
                // A running key is known to the queue, so there is room for it.
                let _ = self.queue.add_after(key.clone(), delay);
            }
            Err(status) => {
                self.counters.failures.count();
                self.report(&key, &status);
                self.queue.retry(&key);
            }
        }
        (key, writes)
    }

    /// A conflict is how optimistic concurrency works, and an object may go at any time; anything
    /// else is worth a warning.
    fn report(&self, key: &ObjectKey, status: &Status) {
        let controller = self.controller.name();
        match status.is_conflict() || status.is_not_found() {
            true => tracing::debug!(controller, %key, %status, "reconcile was overtaken"),
            false => tracing::warn!(controller, %key, %status, "reconcile failed"),
        }
    }

    /// The reconcile, with a panic as an error.
    async fn guarded(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let failures = self.queue.failures(key);
        let context = ReconcileContext { env: self.env.clone(), failures };
        let reconcile = AssertUnwindSafe(self.controller.reconcile(key, &context));
        reconcile.catch_unwind().await.unwrap_or_else(|payload| {
            self.counters.panics.count();
            Err(Status::internal(format_args!("reconcile panicked: {}", text(payload.as_ref()))))
        })
    }

    /// Waits until the caches show the writes of a key.
    async fn gate(&self, key: ObjectKey, writes: Vec<Write>) -> ObjectKey {
        let seen = async {
            for write in &writes {
                if let Some(cache) = self.informers.existing(write.resource()) {
                    cache.seen(write).await;
                }
            }
        };
        tokio::select! {
            biased;
            () = seen => {}
            () = self.env.sleep(GATE_LIMIT), if !writes.is_empty() => {
                self.counters.unseen_writes.count();
                tracing::warn!(controller = self.controller.name(), %key, "writes not seen");
            }
        }
        key
    }
}

/// The text of a panic.
fn text(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
