//! Applies batches that are safe, answers them, and says when a checkpoint is due.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::store::StoreError;

use super::Shared;
use super::checkpointer::Checkpointer;
use super::entry::{Answer, Request};
use super::writer::Batch;
use crate::mvcc::Command;

/// How many requests are applied before others may run.
const AT_A_TIME: usize = 256;

/// The half of the writer that changes the state.
pub(super) struct Applier {
    shared: Arc<Shared>,
    checkpointer: Arc<Checkpointer>,
    /// How many bytes the log has grown since the last checkpoint was begun.
    grown: u64,
    /// Whether a put was refused for the quota.
    pub(super) quota_exceeded: bool,
}

impl Applier {
    pub(super) fn new(shared: Arc<Shared>, checkpointer: Arc<Checkpointer>, grown: u64) -> Self {
        Self { shared, checkpointer, grown, quota_exceeded: false }
    }

    pub(super) async fn apply(&mut self, batch: Batch) {
        // Whoever waits for the plane to settle waits for what follows from these writes.
        let _busy = self.shared.env.activity().begin();
        let mut leases_changed = false;
        for (number, (request, reply)) in batch.requests.into_iter().enumerate() {
            leases_changed |= matches!(request, Request::Command(Command::Lease(_)));
            let answer = self.one(request, batch.at);
            self.shared.queue.reply(reply, answer);
            if number % AT_A_TIME == AT_A_TIME - 1 {
                tokio::task::yield_now().await;
            }
        }
        if leases_changed {
            self.shared.replica.timer.notify_one();
        }
        self.grown += batch.bytes;
        let mut state = self.shared.state.lock();
        state.index = batch.last;
        state.note_time(batch.at);
        let data = || self.shared.replica.read(|mvcc| mvcc.data_bytes());
        if self.checkpointer.is_due(self.grown, data) {
            self.grown = 0;
            let fork = self.shared.replica.read(|mvcc| mvcc.fork());
            self.checkpointer.begin(fork, state.clone());
        }
    }

    fn one(&mut self, request: Request, at: Duration) -> Result<Answer, StoreError> {
        match request {
            Request::Command(command) => {
                let puts = matches!(command, Command::Txn(_));
                let applied = self.shared.replica.change(|mvcc| mvcc.apply(command, at));
                self.quota_exceeded |= puts && matches!(applied, Err(StoreError::NoSpace));
                applied.map(Answer::Applied)
            }
            Request::Limits(limits) => {
                self.shared.replica.change(|mvcc| mvcc.set_limits(limits.clone()));
                self.shared.state.lock().limits = Some(limits);
                Ok(Answer::Alarms(Vec::new()))
            }
            Request::Alarm(op) => Ok(Answer::Alarms(self.shared.state.lock().alarm(op))),
        }
    }
}
