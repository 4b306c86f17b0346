//! The words of this engine in openraft's grammar.
//!
//! Nothing of openraft appears outside `raft`; within it, these names are used.

use std::fmt;
use std::time::Duration;

use orchestrator_core::store::StoreError;

use super::commands::Commands;
use super::runtime::Runtime;
use crate::mvcc::{Applied, Limits};
use crate::operator::{Alarm, AlarmOp, MemberId};

openraft::declare_raft_types!(
    /// What openraft is made of here. Terms have one leader, so an entry is known by term and index.
    pub(crate) Types:
        D = Proposal,
        R = Reply,
        NodeId = u64,
        Node = Node,
        Term = u64,
        LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>,
        AsyncRuntime = Runtime,
);

pub(crate) type LogId = openraft::alias::LogIdOf<Types>;
pub(crate) type Vote = openraft::alias::VoteOf<Types>;
pub(crate) type Entry = openraft::alias::EntryOf<Types>;
pub(crate) type Payload = openraft::alias::PayloadOf<Types>;
pub(crate) type Members = openraft::Membership<MemberId, Node>;
pub(crate) type StoredMembers = openraft::alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;

/// The log id of `index` in `term`.
pub(crate) fn log_id(term: u64, index: u64) -> LogId {
    LogId::new_term_index(term, index)
}

/// The term of a log id.
pub(crate) fn term(id: &LogId) -> u64 {
    **id.committed_leader_id()
}

/// What the members agree on, besides who they are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proposal {
    /// The store's time at which the leader proposed it.
    pub(crate) at: Duration,
    pub(crate) request: Request,
}

/// What is asked of all members.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    /// Commands for the state machine, one after the other.
    Commands(Commands),
    /// About alarms.
    Alarm(AlarmOp),
    /// A number for a new member.
    Number,
    /// The bounds of the store, which must be the same everywhere; the first ones stay.
    Limits(Limits),
}

/// What a proposal answers.
#[derive(Debug)]
pub(crate) enum Reply {
    /// What each of the commands answers.
    Commands(Vec<Result<Applied, StoreError>>),
    /// The alarms that are raised.
    Alarms(Vec<Alarm>),
    /// The new member's number.
    Number(MemberId),
    /// Nothing to tell.
    Done,
}

/// A member as the others know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) peer_urls: Vec<String>,
    pub(crate) client_urls: Vec<String>,
    /// What the member drew when it first started on its disk; 0 before. A member that comes
    /// back with another one has lost its disk, and with it what it promised.
    pub(crate) token: u64,
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request {
            Request::Commands(commands) => {
                write!(f, "{} commands of {} bytes", commands.count(), commands.size())
            }
            Request::Alarm(op) => write!(f, "{op:?}"),
            Request::Number => f.write_str("number for a member"),
            Request::Limits(_) => f.write_str("limits"),
        }
    }
}
