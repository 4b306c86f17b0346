//! Writes checkpoints in the background, keeps two, and says how much of the log can go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orchestrator_core::Env;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::state::State;
use super::{Builder, Shared};
use crate::checkpoint::{self, Writing};
use crate::disk::Disk;
use crate::mvcc::Mvcc;
use crate::planted::Planted;

/// How many checkpoints are kept: if the newest is damaged, the one before and the log will do.
const KEPT: usize = 2;

/// The writer of checkpoints.
#[derive(Debug)]
pub(super) struct Checkpointer {
    disk: Arc<dyn Disk>,
    planted: Planted,
    min_bytes: u64,
    busy: AtomicBool,
    wanted: Mutex<Option<(Mvcc, State)>>,
    wake: Notify,
    /// The checkpoints there are, oldest first.
    kept: Mutex<Vec<u64>>,
}

impl Checkpointer {
    pub(super) fn new(disk: Arc<dyn Disk>, options: &Builder, kept: Vec<u64>) -> Self {
        Self {
            disk,
            planted: options.logged.planted,
            min_bytes: options.checkpoint_bytes,
            busy: AtomicBool::new(false),
            wanted: Mutex::new(None),
            wake: Notify::new(),
            kept: Mutex::new(kept),
        }
    }

    /// Whether a log that has grown by `grown` bytes is long enough for a checkpoint.
    pub(super) fn is_due(&self, grown: u64, data_bytes: impl FnOnce() -> u64) -> bool {
        grown > self.min_bytes && !self.busy.load(Ordering::Acquire) && grown > data_bytes() / 2
    }

    /// Begins the checkpoint of `mvcc`, a fork, which goes with `state`.
    pub(super) fn begin(&self, mvcc: Mvcc, state: State) {
        self.busy.store(true, Ordering::Release);
        *self.wanted.lock() = Some((mvcc, state));
        self.wake.notify_one();
    }

    /// Serves the store until the task is dropped.
    pub(super) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        loop {
            self.wake.notified().await;
            let Some((mvcc, state)) = self.wanted.lock().take() else { continue };
            let index = state.index;
            match self.write(&shared.env, mvcc, &state).await {
                Ok(bytes) => {
                    tracing::info!(index, bytes, "checkpoint written");
                    shared.sizes.checkpoints.store(bytes * KEPT as u64, Ordering::Relaxed);
                    self.forget_older(&shared, index).await;
                }
                // The log grows on; the next attempt comes when it has grown as much again.
                Err(error) => tracing::warn!(index, %error, "checkpoint given up"),
            }
            self.busy.store(false, Ordering::Release);
        }
    }

    /// Writes in steps, each of which lets the log have the disk in between.
    async fn write(&self, env: &Env, mvcc: Mvcc, state: &State) -> std::io::Result<u64> {
        let (disk, planted, index) = (Arc::clone(&self.disk), self.planted, state.index);
        let meta = state.encode();
        let begin = move || Writing::begin(disk, index, mvcc, meta, planted);
        let mut writing = env.blocking(begin).await?;
        loop {
            let (back, more) = env
                .blocking(move || {
                    let more = writing.step();
                    (writing, more)
                })
                .await;
            writing = back;
            if !more? {
                return Ok(writing.written());
            }
        }
    }

    /// Removes checkpoints that are not needed any more, and tells the writer about the log.
    async fn forget_older(&self, shared: &Shared, newest: u64) {
        let (dropped, oldest) = {
            let mut kept = self.kept.lock();
            kept.retain(|index| *index != newest);
            kept.push(newest);
            let surplus = kept.len().saturating_sub(KEPT);
            let dropped: Vec<u64> = kept.drain(..surplus).collect();
            (dropped, if kept.len() == KEPT { kept[0] } else { 0 })
        };
        let disk = Arc::clone(&self.disk);
        let removed = shared.env.blocking(move || checkpoint::remove(&*disk, &dropped)).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "an old checkpoint cannot be removed");
        }
        if oldest > 0 {
            shared.queue.purge(oldest);
        }
    }
}
