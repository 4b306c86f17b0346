//! The one task that writes: batch after batch to the log, each then applied and answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use orchestrator_core::Env;
use orchestrator_core::store::StoreError;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Shared;
use super::apply::Applier;
use super::entry::Request;
use super::inbox::Inbox;
use super::journal::{Committed, Journal};
use super::operator::NO_SPACE;
use super::queue::{Message, Proposal, Reply};
use crate::operator::AlarmOp;
use crate::planted::{Fault, Planted};
use crate::wal::Entry;

/// The term of entries where there is one member.
const TERM: u64 = 1;

/// The writer of a store.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Away while a batch is written.
    journal: Option<Journal>,
    inbox: Inbox,
    applier: Applier,
    /// Whether the disk has space for more.
    reserve: bool,
    planted: Planted,
}

/// Requests that became entries together.
pub(super) struct Batch {
    /// When they were made.
    pub(super) at: Duration,
    /// The index of the last one.
    pub(super) last: u64,
    pub(super) bytes: u64,
    pub(super) requests: Vec<(Request, Reply)>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        journal: Journal,
        receiver: UnboundedReceiver<Message>,
        applier: Applier,
        planted: Planted,
    ) -> Self {
        let inbox = Inbox::new(receiver);
        Self { shared, journal: Some(journal), inbox, applier, reserve: true, planted }
    }

    /// Puts `proposal` before all others.
    pub(super) fn first(&mut self, proposal: Proposal) {
        self.inbox.put(proposal);
    }

    /// Writes until the store stops, or the log fails.
    pub(super) async fn run(mut self) {
        // Safe, but not applied yet: that goes on while the next batch is written.
        let mut safe = None;
        loop {
            let proposals = match safe {
                Some(_) => self.inbox.collect_now(),
                None => self.inbox.collect().await,
            };
            if let Some(index) = self.inbox.purge.take() {
                self.purge(index).await;
            }
            if proposals.is_empty() {
                match safe.take() {
                    Some(batch) => self.apply(batch).await,
                    None if self.inbox.has_ended() => break,
                    None => {}
                }
                continue;
            }
            let (mut batch, entries) = self.batch(proposals);
            let before = safe.take();
            if self.planted.has(Fault::AckBeforeSync) {
                self.apply(batch.take_all()).await;
            }
            match self.commit(entries, before).await {
                Committed::Safe { reserve } => {
                    self.reserve = reserve;
                    safe = Some(batch);
                }
                Committed::Full => self.refuse_for_space(batch),
                Committed::Failed(error) => {
                    self.fail(batch, &error);
                    break;
                }
            }
        }
        self.finish();
    }

    /// Writes `entries`, and meanwhile applies the batch before.
    async fn commit(&mut self, entries: Vec<Entry>, before: Option<Batch>) -> Committed {
        let journal = self.journal.take().expect("it came back from the last batch");
        let env = self.shared.env.clone();
        let committing = commit(env, journal, entries);
        let applying = async {
            if let Some(batch) = before {
                self.applier.apply(batch).await;
            }
        };
        let ((journal, committed), ()) = futures::join!(committing, applying);
        self.after_apply();
        self.shared.sizes.log.store(journal.wal.disk_bytes(), Ordering::Relaxed);
        self.journal = Some(journal);
        committed
    }

    async fn apply(&mut self, batch: Batch) {
        self.applier.apply(batch).await;
        self.after_apply();
    }

    /// Raises the alarm where there is no space, also if it has just been cleared.
    fn after_apply(&mut self) {
        if std::mem::take(&mut self.applier.quota_exceeded) || !self.reserve {
            self.raise_no_space();
        }
    }

    /// Makes entries of `proposals`.
    fn batch(&self, proposals: Vec<Proposal>) -> (Batch, Vec<Entry>) {
        let wal = &self.journal.as_ref().expect("it came back from the last batch").wal;
        let (at, next) = (self.shared.replica.elapsed(), wal.next_index());
        let mut entries = Vec::with_capacity(proposals.len());
        let mut requests = Vec::with_capacity(proposals.len());
        let mut bytes = 0;
        for (index, mut proposal) in (next..).zip(proposals) {
            let kind = proposal.kind;
            let mut payload: BytesMut = std::mem::take(&mut proposal.bytes);
            Request::stamp(kind, &mut payload, at);
            bytes += payload.len() as u64;
            entries.push(Entry { term: TERM, index, kind, payload: payload.freeze() });
            requests.push(proposal.split());
        }
        let last = next + entries.len() as u64 - 1;
        (Batch { at, last, bytes, requests }, entries)
    }

    async fn purge(&mut self, index: u64) {
        let mut journal = self.journal.take().expect("it came back from the last batch");
        let work = move || {
            let purged = journal.wal.purge_to(index);
            (journal, purged)
        };
        let (journal, purged) = self.shared.env.blocking(work).await;
        if let Err(error) = purged {
            // They are removed when the store is opened the next time.
            tracing::warn!(%error, "old parts of the log cannot be removed");
        }
        self.journal = Some(journal);
    }

    /// Raises the alarm by an entry, for which there is space still.
    fn raise_no_space(&mut self) {
        if !self.shared.state.lock().is_out_of_space() && !self.inbox.raises_alarm() {
            tracing::warn!("out of space: only what frees space is taken");
            let raise = Request::Alarm(AlarmOp::Raise(NO_SPACE));
            self.inbox.put(Proposal::internal(raise).expect("an alarm always encodes"));
        }
    }

    fn refuse_for_space(&mut self, batch: Batch) {
        tracing::error!("the disk is full, the log cannot grow");
        self.shared.state.lock().alarm(AlarmOp::Raise(NO_SPACE));
        for (_, reply) in batch.requests {
            self.shared.queue.reply(reply, Err(StoreError::NoSpace));
        }
    }

    /// Refuses everything for good: what is on disk is unknown.
    fn fail(&self, batch: Batch, error: &std::io::Error) {
        tracing::error!(%error, "the log failed: the store takes no writes any more");
        self.shared.queue.refuse("the log has failed");
        for (_, reply) in batch.requests {
            let why = format!("the log failed: {error}").into();
            let answer = match self.planted.has(Fault::FalseRejection) {
                true => StoreError::Unavailable(why),
                false => StoreError::Unknown(why),
            };
            self.shared.queue.reply(reply, Err(answer));
        }
    }

    /// Answers those that came too late.
    fn finish(mut self) {
        self.shared.queue.refuse("the store was closed");
        for proposal in self.inbox.drain() {
            let (_, reply) = proposal.split();
            self.shared.queue.reply(reply, Err(self.shared.queue.refusal()));
        }
    }
}

impl Batch {
    /// Takes the requests out, to be applied elsewhere.
    fn take_all(&mut self) -> Self {
        Self { requests: std::mem::take(&mut self.requests), ..*self }
    }
}

async fn commit(env: Env, mut journal: Journal, entries: Vec<Entry>) -> (Journal, Committed) {
    env.blocking(move || {
        let committed = journal.commit(&entries);
        (journal, committed)
    })
    .await
}
