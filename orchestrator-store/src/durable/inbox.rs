//! What waits to be written, as the writer takes it: whatever is there, up to a bound.

use tokio::sync::mpsc::UnboundedReceiver;

use super::entry::Request;
use super::queue::{Message, Proposal};

/// The most bytes of a batch, one large request aside: a few milliseconds of a fast disk.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// The most requests of a batch.
const MAX_BATCH: usize = 16 * 1024;

/// The receiving end of the queue.
pub(super) struct Inbox {
    receiver: UnboundedReceiver<Message>,
    /// The store's own requests, which go first.
    own: Vec<Proposal>,
    /// The log is not needed any more up to here.
    pub(super) purge: Option<u64>,
    ended: bool,
}

impl Inbox {
    pub(super) fn new(receiver: UnboundedReceiver<Message>) -> Self {
        Self { receiver, own: Vec::new(), purge: None, ended: false }
    }

    /// Puts a request of the store itself before the others.
    pub(super) fn put(&mut self, proposal: Proposal) {
        self.own.push(proposal);
    }

    /// Whether an alarm is on its way.
    pub(super) fn raises_alarm(&self) -> bool {
        self.own.iter().any(|proposal| matches!(proposal.request, Request::Alarm(_)))
    }

    /// Whether nothing will come any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.own.is_empty()
    }

    /// Waits until there is something; none if it is no request.
    pub(super) async fn collect(&mut self) -> Vec<Proposal> {
        let mut batch = Vec::new();
        if self.own.is_empty() && !self.ended {
            let message = self.receiver.recv().await;
            batch.extend(self.sort(message));
        }
        self.fill(batch)
    }

    /// What is there now.
    pub(super) fn collect_now(&mut self) -> Vec<Proposal> {
        self.fill(Vec::new())
    }

    /// Everything that is left, once nothing is taken any more.
    pub(super) fn drain(&mut self) -> Vec<Proposal> {
        self.receiver.close();
        let mut left = std::mem::take(&mut self.own);
        while let Ok(message) = self.receiver.try_recv() {
            left.extend(self.sort(Some(message)));
        }
        left
    }

    fn fill(&mut self, first: Vec<Proposal>) -> Vec<Proposal> {
        let mut batch = std::mem::take(&mut self.own);
        batch.extend(first);
        let mut bytes: usize = batch.iter().map(|proposal| proposal.bytes.len()).sum();
        while bytes < MAX_BATCH_BYTES && batch.len() < MAX_BATCH && !self.ended {
            let Ok(message) = self.receiver.try_recv() else { break };
            if let Some(proposal) = self.sort(Some(message)) {
                bytes += proposal.bytes.len();
                batch.push(proposal);
            }
        }
        batch
    }

    fn sort(&mut self, message: Option<Message>) -> Option<Proposal> {
        match message {
            Some(Message::Proposal(proposal)) => return Some(proposal),
            Some(Message::Purge(index)) => self.purge = Some(index),
            Some(Message::Stop) | None => self.ended = true,
        }
        None
    }
}
