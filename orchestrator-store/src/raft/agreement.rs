//! What the engine needs of a consensus library, and no more.
//!
//! Everything above is written against [`Agreement`]; `consensus` implements it with openraft.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::message::{NotLeader, Outcome, ReadPoint};
use super::network::{CallKind, Refused};
use super::types::{Node, Request, StoredMembers};
use crate::operator::MemberId;

/// One member's part in agreeing on one order of requests.
#[async_trait]
pub(super) trait Agreement: fmt::Debug + Send + Sync + 'static {
    /// Proposes `request` as the leader of `term`, and waits until it was applied here.
    ///
    /// Commands that come together become one entry.
    async fn propose(&self, term: u64, request: Request) -> Outcome;

    /// As the leader, tells up to where a read that begins now must have applied.
    async fn read_index(&self) -> Result<ReadPoint, NotLeader>;

    /// As the leader, changes who the members are, through both majorities where voters change.
    async fn reconfigure(&self, change: Reconfigure) -> Result<(), NotChanged>;

    /// As the leader, asks `to` to take over at once.
    async fn transfer(&self, to: MemberId) -> Result<(), NotLeader>;

    /// Answers a call of another member's agreement.
    async fn answer(&self, from: MemberId, kind: CallKind, body: Bytes) -> Result<Bytes, Refused>;

    /// As the leader, one more than the last index that `member` is known to have.
    fn matched(&self, member: MemberId) -> u64;

    /// The term.
    fn term(&self) -> u64;

    /// How things stand.
    fn standing(&self) -> Standing;

    /// Waits until leader, term or members are not those of `seen` any more.
    async fn changed(&self, seen: &Standing);
}

/// A change of members, as steps that each are safe.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reconfigure {
    /// Begins a cluster of these.
    Begin(BTreeMap<MemberId, Node>),
    /// Lets one follow without a vote.
    Follow(MemberId, Node),
    /// Changes what is known of one.
    Describe(MemberId, Node),
    /// Lets a follower vote.
    Vote(MemberId),
    /// Takes a voter out.
    RemoveVoter(MemberId),
    /// Takes a follower out.
    RemoveFollower(MemberId),
}

/// Why the members were not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotChanged {
    /// Nothing has happened: another leads.
    NotLeader(NotLeader),
    /// Nothing has happened: another change is on its way.
    Busy,
    /// Nothing has happened: the change is against the rules.
    Against,
    /// It may be half done.
    Unknown,
}

/// How an agreement stands, as one member sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) this: MemberId,
    pub(super) term: u64,
    /// Who leads, as far as is known; this member too.
    pub(super) leader: Option<MemberId>,
    pub(super) members: Arc<StoredMembers>,
    /// One more than the last index here, and than the last one committed.
    pub(super) next: u64,
    pub(super) committed: u64,
    /// Whether the log failed, or something else that ends this member's part.
    pub(super) stopped: bool,
}

impl Standing {
    /// Whether this member leads.
    pub(super) fn leads(&self) -> bool {
        self.leader == Some(self.this)
    }

    /// What the member `id` is known as.
    pub(super) fn node(&self, id: MemberId) -> Option<&Node> {
        self.members.membership().get_node(&id)
    }

    /// Whether `id` votes.
    pub(super) fn votes(&self, id: MemberId) -> bool {
        self.members.membership().voter_ids().any(|voter| voter == id)
    }

    /// Whether `other` tells the same of leader, term and members.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        self.term == other.term
            && self.leader == other.leader
            && self.stopped == other.stopped
            && self.members.log_id() == other.members.log_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Agreement) {}
}
