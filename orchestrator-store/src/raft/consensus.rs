//! [`Agreement`] by openraft.
//!
//! Pinned to one version, for these reasons: a restarted leader must not lead on without an
//! election ([`openraft::Config::enable_leader_restore`]), for it may have lost what it had sent
//! and not synced; candidates ask before they raise the term (pre-vote), so that a member that
//! comes back disturbs nobody; and reads ask a majority (ReadIndex), so that no clock is trusted.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{
    ChangeMembershipError, ClientWriteError, ForwardToLeader, LinearizableReadError, RaftError,
};
use openraft::impls::ProgressResponder;
use openraft::{ChangeMembers, Raft, RaftMetrics, ReadPolicy, ServerState, Snapshot};
use orchestrator_core::Env;

use super::agreement::{Agreement, NotChanged, Reconfigure, Standing};
use super::builder::Timing;
use super::clock::Clock;
use super::gathering::Gathering;
use super::machine::{Copy, Machine};
use super::message::{NotLeader, Outcome, Piece, ReadPoint, decoded, encoded};
use super::network::{CallKind, Refused, peer};
use super::snapshot::{Received, Snapshots};
use super::turnstile::Turnstile;
use super::types::{Proposal, Request, Types};
use crate::operator::MemberId;
use crate::wire::WireError;

/// After how many of the longest election time-outs without a majority a leader takes no more.
const ELECTIONS_CUT_OFF: u32 = 2;

/// openraft's part of one member.
pub(super) struct Consensus {
    pub(super) this: MemberId,
    pub(super) env: Env,
    pub(super) timing: Timing,
    pub(super) raft: Raft<Types, Machine>,
    pub(super) copy: Arc<Copy>,
    pub(super) snapshots: Arc<Snapshots>,
    pub(super) clock: Clock,
    /// The entries to be.
    pub(super) entries: Gathering<()>,
    pub(super) turnstile: Turnstile,
}

impl fmt::Debug for Consensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consensus").field("this", &self.this).finish_non_exhaustive()
    }
}

impl Consensus {
    fn read<T>(&self, look: impl FnOnce(&RaftMetrics<Types>) -> T) -> T {
        look(&self.raft.metrics().borrow_watched())
    }

    /// Whether this member, as the leader, has not heard of a majority for too long: then it may
    /// not lead any more, and takes nothing that it could not tell the outcome of.
    fn is_cut_off(&self, metrics: &RaftMetrics<Types>) -> bool {
        let patience = self.timing.election_max * ELECTIONS_CUT_OFF;
        let acked = metrics.last_quorum_acked;
        // Who the voters are last: asked often, and it costs most.
        acked.is_some_and(|acked| acked.age(&self.env) > patience)
            && metrics.membership_config.voter_ids().any(|id| id != self.this)
    }

    fn not_leader(&self) -> NotLeader {
        let standing = self.standing();
        let leader = standing.leader.filter(|leader| *leader != self.this);
        let leader = leader.and_then(|id| standing.node(id).map(|node| peer(id, node)));
        NotLeader { leader }
    }

    /// Makes entries of the commands that gather, for as long as it is polled.
    pub(super) async fn propose_commands(&self) {
        let propose = |term, (), commands| self.propose_entry(term, Request::Commands(commands));
        self.entries.serve(propose).await;
    }

    /// Proposes one entry, and waits until it was applied here.
    async fn propose_entry(&self, term: u64, request: Request) -> Outcome {
        let Some(at) = self.at(term).await else { return Outcome::NotLeader(self.not_leader()) };
        let (responder, answer) = ProgressResponder::complete_only();
        let proposal = Proposal { at, request };
        let sent = self.raft.write(proposal).with_leader(term).responder(responder).await;
        if sent.is_err() {
            return Outcome::NotLeader(NotLeader::default());
        }
        match answer.await {
            Ok(Ok(done)) => Outcome::Applied { index: done.log_id.index(), reply: done.data },
            Ok(Err(ClientWriteError::ForwardToLeader(_))) => Outcome::NotLeader(self.not_leader()),
            _ => Outcome::Unknown,
        }
    }

    /// The store's time in `term`, once everything from before it has been applied.
    async fn at(&self, term: u64) -> Option<std::time::Duration> {
        loop {
            let applied = self.copy.applied();
            if let Some(at) = self.copy.look(|state| self.clock.at(term, state)) {
                return Some(at);
            }
            let standing = self.standing();
            if !standing.leads() || standing.term != term || standing.stopped {
                return None;
            }
            tokio::select! {
                biased;
                () = self.copy.wait_applied(applied) => {}
                () = self.changed(&standing) => {}
            }
        }
    }

    async fn install(&self, piece: Piece) -> Result<Bytes, Refused> {
        let failed = |_| Refused::Stopped;
        let Piece { vote, meta, sending, offset, bytes, last } = piece;
        let received = self.snapshots.receive(sending, offset, bytes).await.map_err(failed)?;
        let mut taken = received == Received::Taken;
        let mut theirs = self.read(|metrics| metrics.vote);
        if taken && last {
            match self.snapshots.received(sending).await.map_err(failed)? {
                None => taken = false,
                Some(snapshot) => {
                    let snapshot = Snapshot { meta, snapshot };
                    let installed = self.raft.install_full_snapshot(vote, snapshot).await;
                    theirs = installed.map_err(|_| Refused::Stopped)?.vote;
                }
            }
        }
        Ok(encoded(|out| {
            out.flag(taken);
            out.vote(&theirs);
        }))
    }
}

fn malformed(_: WireError) -> Refused {
    Refused::Malformed
}

#[async_trait]
impl Agreement for Consensus {
    async fn propose(&self, term: u64, request: Request) -> Outcome {
        match request {
            Request::Commands(commands) => self.entries.submit(term, (), commands).await,
            request => self.propose_entry(term, request).await,
        }
    }

    async fn read_index(&self) -> Result<ReadPoint, NotLeader> {
        let asked = self.raft.get_read_log_id(ReadPolicy::ReadIndex).await;
        let (read, _) = match asked {
            Ok(asked) => asked,
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(_))) => {
                return Err(self.not_leader());
            }
            Err(_) => return Err(NotLeader::default()),
        };
        let term = self.term();
        let at = self.at(term).await.ok_or_else(NotLeader::default)?;
        Ok(ReadPoint { index: read.index(), at })
    }

    async fn reconfigure(&self, change: Reconfigure) -> Result<(), NotChanged> {
        let one = |id| BTreeSet::from([id]);
        let change = match change {
            Reconfigure::Begin(members) => {
                return self.raft.initialize(members).await.map_err(|_| NotChanged::Against);
            }
            Reconfigure::Follow(id, node) => ChangeMembers::AddNodes([(id, node)].into()),
            Reconfigure::Describe(id, node) => ChangeMembers::SetNodes([(id, node)].into()),
            Reconfigure::Vote(id) => ChangeMembers::AddVoterIds(one(id)),
            Reconfigure::RemoveVoter(id) => ChangeMembers::RemoveVoters(one(id)),
            Reconfigure::RemoveFollower(id) => ChangeMembers::RemoveNodes(one(id)),
        };
        match self.raft.change_membership(change, false).await {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(ForwardToLeader {
                ..
            }))) => Err(NotChanged::NotLeader(self.not_leader())),
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(
                ChangeMembershipError::InProgress(_)
                | ChangeMembershipError::UncommittedLeaderLog(_),
            ))) => Err(NotChanged::Busy),
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(_))) => {
                Err(NotChanged::Against)
            }
            Err(_) => Err(NotChanged::Unknown),
        }
    }

    async fn transfer(&self, to: MemberId) -> Result<(), NotLeader> {
        if !self.standing().leads() {
            return Err(self.not_leader());
        }
        self.raft.trigger().transfer_leader(to).await.map_err(|_| NotLeader::default())
    }

    async fn answer(&self, from: MemberId, kind: CallKind, body: Bytes) -> Result<Bytes, Refused> {
        use crate::wire::Reader;
        let stopped = |_| Refused::Stopped;
        match kind {
            CallKind::Append => {
                let (place, request) = decoded(body, Reader::append).map_err(malformed)?;
                // Large, and moved on its way: one place for it, not three copies of each.
                let appended = Box::pin(self.raft.append_entries(request));
                let answer = self.turnstile.pass(from, place, appended).await?.map_err(stopped)?;
                Ok(encoded(|out| out.append_answer(&answer)))
            }
            CallKind::Vote => {
                let request = decoded(body, Reader::vote_request).map_err(malformed)?;
                let answer = self.raft.vote(request).await.map_err(stopped)?;
                Ok(encoded(|out| out.vote_answer(&answer)))
            }
            CallKind::PreVote => {
                let request = decoded(body, Reader::vote_request).map_err(malformed)?;
                let answer = self.raft.pre_vote(request).await.map_err(stopped)?;
                Ok(encoded(|out| out.vote_answer(&answer)))
            }
            CallKind::Transfer => {
                let request = decoded(body, Reader::transfer).map_err(malformed)?;
                let answer = self.raft.handle_transfer_leader(request).await;
                let answer = answer.map_err(|_| Refused::Stopped)?;
                Ok(encoded(|out| out.transfer_answer(&answer)))
            }
            CallKind::Snapshot => {
                self.install(decoded(body, Reader::piece).map_err(malformed)?).await
            }
            _ => Err(Refused::Malformed),
        }
    }

    fn matched(&self, member: MemberId) -> u64 {
        self.read(|metrics| {
            let matched = metrics.replication.as_ref().and_then(|all| all.get(&member));
            matched.copied().flatten().map_or(0, |matched| matched.index() + 1)
        })
    }

    fn term(&self) -> u64 {
        self.read(|metrics| metrics.current_term)
    }

    fn standing(&self) -> Standing {
        self.read(|metrics| {
            let leads = metrics.state == ServerState::Leader && !self.is_cut_off(metrics);
            let leader = metrics.current_leader.filter(|leader| *leader != self.this || leads);
            Standing {
                this: self.this,
                term: metrics.current_term,
                leader,
                members: Arc::clone(&metrics.membership_config),
                next: metrics.last_log_index.map_or(0, |index| index + 1),
                committed: metrics.local_committed.map_or(0, |id| id.index() + 1),
                stopped: metrics.running_state.is_err(),
            }
        })
    }

    async fn changed(&self, seen: &Standing) {
        let mut metrics = self.raft.metrics();
        loop {
            // Marks the present value as seen, so that later ones wake.
            drop(metrics.borrow_and_update());
            if !self.standing().agrees_with(seen) {
                return;
            }
            if metrics.changed().await.is_err() {
                // openraft has ended; nothing changes any more.
                std::future::pending::<()>().await;
            }
        }
    }
}
