//! Requests find the leader, from any member, and tell truly what became of them.
//!
//! A request is tried again only while it surely had no effect. Once it has left for a leader and
//! no answer comes, its outcome is unknown, and only its caller can decide what to do.

use std::sync::atomic::Ordering;

use orchestrator_core::store::StoreError;

use super::agreement::Standing;
use super::engine::{Engine, Leader};
use super::message::{NotLeader, Outcome, Propose, decoded, encoded};
use super::network::{CallError, CallKind, Peer, Refused};
use super::types::{Reply, Request};
use crate::planted::Fault;
use crate::wire::Reader;

impl Engine {
    /// Has `request` proposed by the leader; waits until it was applied there.
    ///
    /// # Errors
    /// [`Unknown`](StoreError::Unknown): it may have happened. Any other: it did not.
    pub(super) async fn submit(&self, request: Request) -> Result<Reply, StoreError> {
        let deadline = self.deadline();
        loop {
            let standing = self.agreement.standing();
            let outcome = match Self::leader(&standing) {
                Some(_) if standing.stopped => None,
                Some(Leader::This) => Some(self.propose_here(&standing, &request, deadline).await),
                Some(Leader::Other(peer)) => {
                    Some(self.propose_there(&standing, peer, &request, deadline).await)
                }
                None => None,
            };
            match outcome {
                Some(Outcome::Applied { reply, .. }) => return Ok(reply),
                Some(Outcome::Busy) => {
                    return Err(StoreError::Unavailable("too many requests".into()));
                }
                Some(Outcome::Unknown) if self.planted.has(Fault::FalseRejection) => {
                    return Err(StoreError::Unavailable("request timed out".into()));
                }
                Some(Outcome::Unknown) => {
                    return Err(StoreError::Unknown("request timed out".into()));
                }
                Some(Outcome::NotLeader(_)) | None => self.wait(&standing, deadline).await?,
            }
        }
    }

    async fn propose_here(
        &self,
        standing: &Standing,
        request: &Request,
        deadline: tokio::time::Instant,
    ) -> Outcome {
        tokio::select! {
            biased;
            outcome = self.agreement.propose(standing.term, request.clone()) => outcome,
            () = self.env.sleep_until(deadline) => Outcome::Unknown,
        }
    }

    /// Asks the leader `peer`, together with others that do.
    async fn propose_there(
        &self,
        standing: &Standing,
        peer: Peer,
        request: &Request,
        deadline: tokio::time::Instant,
    ) -> Outcome {
        let term = standing.term;
        let asked = async {
            match request.clone() {
                Request::Commands(commands) => self.writes.submit(term, peer, commands).await,
                request => self.call_leader(term, &peer, request).await,
            }
        };
        tokio::select! {
            biased;
            outcome = asked => outcome,
            () = self.env.sleep_until(deadline) => Outcome::Unknown,
        }
    }

    /// Calls the leader with the writes that gather, for as long as it is polled.
    pub(super) async fn forward_writes(&self) {
        let send = |term, peer: Peer, commands| async move {
            self.call_leader(term, &peer, Request::Commands(commands)).await
        };
        self.writes.serve(send).await;
    }

    async fn call_leader(&self, term: u64, peer: &Peer, request: Request) -> Outcome {
        let number = self.proposals.fetch_add(1, Ordering::Relaxed);
        let propose = Propose { term, session: self.session, number, request };
        let body = encoded(|out| out.propose(&propose));
        match self.links.call(peer, CallKind::Propose, body, self.timing.request).await {
            Ok(answer) => decoded(answer, Reader::outcome).unwrap_or(Outcome::Unknown),
            Err(CallError::Refused(Refused::Busy)) => Outcome::Busy,
            // It surely did nothing.
            Err(CallError::Unreached(_) | CallError::Refused(_)) => {
                Outcome::NotLeader(NotLeader::default())
            }
            Err(CallError::Lost(_)) => Outcome::Unknown,
        }
    }

    /// As the leader, proposes what another member asks for.
    pub(super) async fn propose_for(&self, from: u64, propose: Propose) -> Outcome {
        if !self.once.lock().take(from, propose.session, propose.number) {
            // The first one may be on its way still.
            return Outcome::Unknown;
        }
        self.agreement.propose(propose.term, propose.request).await
    }
}
