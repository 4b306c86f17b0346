//! The requests that wait to be written, bounded in bytes.

use std::sync::OnceLock;

use bytes::BytesMut;
use orchestrator_core::store::StoreError;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::entry::{Answer, Request};

/// A unit of the bound on waiting bytes; a request takes one at least.
const UNIT_BYTES: usize = 1024;

/// How much may wait: some tenths of a second of writes, and twice the largest request.
const MAX_UNITS: usize = 96 * 1024;

/// A request on its way, with what is needed to answer it.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) request: Request,
    pub(super) kind: u8,
    pub(super) bytes: BytesMut,
    answer: Option<oneshot::Sender<Result<Answer, StoreError>>>,
    units: u32,
}

impl Proposal {
    /// A request that nobody waits for.
    pub(super) fn internal(request: Request) -> Result<Self, StoreError> {
        let (kind, bytes) = request.encode()?;
        Ok(Self { request, kind, bytes, answer: None, units: 0 })
    }

    /// Takes the request out, to be applied and then answered.
    pub(super) fn split(self) -> (Request, Reply) {
        (self.request, Reply { answer: self.answer, units: self.units })
    }
}

/// Who waits for an answer.
#[derive(Debug)]
pub(super) struct Reply {
    answer: Option<oneshot::Sender<Result<Answer, StoreError>>>,
    units: u32,
}

/// What goes through the queue.
#[derive(Debug)]
pub(super) enum Message {
    Proposal(Proposal),
    /// The log is not needed any more up to this entry.
    Purge(u64),
    /// Nothing comes after this.
    Stop,
}

/// The way to the writer.
#[derive(Debug)]
pub(super) struct Queue {
    sender: mpsc::UnboundedSender<Message>,
    /// Units that are free. It is closed when nothing is taken any more.
    room: Semaphore,
    /// Why nothing is taken any more.
    stopped: OnceLock<&'static str>,
}

impl Queue {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, room: Semaphore::new(MAX_UNITS), stopped: OnceLock::new() }, receiver)
    }

    /// Waits for room, then for the answer.
    ///
    /// Once there was room the request counts, whether or not anybody waits for its answer.
    pub(super) async fn submit(&self, request: Request) -> Result<Answer, StoreError> {
        let (kind, bytes) = request.encode()?;
        let units = (bytes.len() / UNIT_BYTES).clamp(1, MAX_UNITS) as u32;
        let room = self.room.acquire_many(units).await.map_err(|_| self.refusal())?;
        room.forget();
        let (answer, answered) = oneshot::channel();
        let proposal = Proposal { request, kind, bytes, answer: Some(answer), units };
        self.sender.send(Message::Proposal(proposal)).map_err(|_| self.refusal())?;
        let gone = |_| StoreError::Unknown("the store was dropped".into());
        answered.await.map_err(gone)?
    }

    /// Answers one request.
    pub(super) fn reply(&self, reply: Reply, answer: Result<Answer, StoreError>) {
        self.room.add_permits(reply.units as usize);
        if let Some(sender) = reply.answer {
            // Who went away does not want to know.
            let _ = sender.send(answer);
        }
    }

    /// Frees the log up to the entry `index`.
    pub(super) fn purge(&self, index: u64) {
        // Without a writer there is nobody who could.
        let _ = self.sender.send(Message::Purge(index));
    }

    /// Takes nothing more; what has been taken is finished.
    pub(super) fn stop(&self) {
        self.refuse("the store was closed");
        let _ = self.sender.send(Message::Stop);
    }

    /// Refuses everything from now on, because of `why`.
    pub(super) fn refuse(&self, why: &'static str) {
        self.stopped.get_or_init(|| why);
        self.room.close();
    }

    /// What is told to those who come too late.
    pub(super) fn refusal(&self) -> StoreError {
        let why = self.stopped.get().copied().unwrap_or("the store was dropped");
        StoreError::Unavailable(why.into())
    }
}
