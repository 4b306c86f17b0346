//! Linearizable reads from any member: one question to the leader for all that wait.
//!
//! A read joins the next round, never one that has begun, so that the index it gets is not older
//! than the read itself. Then it waits until the local copy has applied that far.

use orchestrator_core::store::StoreError;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::engine::{Engine, Leader};
use super::message::{ReadPoint, decoded, encoded};
use super::network::{CallKind, Peer};
use crate::planted::Fault;
use crate::wire::Reader;

/// How many reads wait for a round; more are refused.
const MAX_WAITING: usize = 100_000;

/// Those that wait for the next round.
#[derive(Debug, Default)]
pub(super) struct Reads {
    waiting: Mutex<Vec<oneshot::Sender<ReadPoint>>>,
    some: Notify,
}

impl Engine {
    /// Waits until the local copy is as new as everything that was answered before this call.
    ///
    /// # Errors
    /// [`Unavailable`](StoreError::Unavailable): no leader with a majority was found in time.
    pub(super) async fn read_point(&self) -> Result<ReadPoint, StoreError> {
        if self.planted.has(Fault::LocalRead) {
            let at = self.copy.look(|state| state.at);
            return Ok(ReadPoint { index: 0, at });
        }
        self.leaders_point().await
    }

    /// Waits until the local copy has all that the leader had committed at some time of this call.
    ///
    /// # Errors
    /// [`Unavailable`](StoreError::Unavailable): no leader with a majority was found in time.
    pub(super) async fn leaders_point(&self) -> Result<ReadPoint, StoreError> {
        let receiver = {
            let mut waiting = self.reads.waiting.lock();
            if waiting.len() >= MAX_WAITING {
                return Err(StoreError::Unavailable("too many requests".into()));
            }
            let (sender, receiver) = oneshot::channel();
            waiting.push(sender);
            receiver
        };
        self.reads.some.notify_one();
        let ready = async {
            let point = receiver.await.map_err(|_| unavailable("server stopped"))?;
            self.copy.wait_applied(point.index).await;
            Ok(point)
        };
        tokio::select! {
            biased;
            ready = ready => ready,
            () = self.env.sleep_until(self.deadline()) => Err(unavailable("request timed out")),
        }
    }

    /// Asks the leader for those that wait, round after round, as long as the member lives.
    pub(super) async fn serve_reads(&self) {
        loop {
            self.reads.some.notified().await;
            let round = std::mem::take(&mut *self.reads.waiting.lock());
            let round: Vec<_> = round.into_iter().filter(|one| !one.is_closed()).collect();
            if round.is_empty() {
                continue;
            }
            // Dropping them tells them; by then each one's own time is over, or the member is.
            let Ok(point) = self.ask().await else { continue };
            for one in round {
                // A reader may have gone away.
                let _ = one.send(point);
            }
        }
    }

    async fn ask(&self) -> Result<ReadPoint, StoreError> {
        let deadline = self.deadline();
        loop {
            let standing = self.agreement.standing();
            let point = match Self::leader(&standing) {
                Some(_) if standing.stopped => None,
                Some(Leader::This) => self.agreement.read_index().await.ok(),
                Some(Leader::Other(peer)) => self.ask_other(&peer).await,
                None => None,
            };
            match point {
                Some(point) => return Ok(point),
                None => self.wait(&standing, deadline).await?,
            }
        }
    }

    async fn ask_other(&self, peer: &Peer) -> Option<ReadPoint> {
        let body = encoded(|_| {});
        let within = self.timing.append();
        let answer = self.links.call(peer, CallKind::ReadIndex, body, within).await.ok()?;
        decoded(answer, Reader::read_answer).ok()?.ok()
    }
}

fn unavailable(why: &'static str) -> StoreError {
    StoreError::Unavailable(why.into())
}
