//! What an operator asks of an engine beyond the contract of [`Store`]: members, alarms, images.
//!
//! An engine of one node answers as a cluster of one. The etcd face, the commands `store ...` and
//! metrics are written against this trait, so that they work over any engine.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use orchestrator_core::store::{KeyRange, Store, StoreError};

/// The number of a member; never given out twice.
pub type MemberId = u64;

/// Why the members of an engine of one node cannot be changed.
pub(crate) const ONE_MEMBER: &str = "the engine has one member";

/// A [`Store`] that can be operated.
///
/// # Contract
/// - **Members** are listed by id. A change is done when a majority of the new members has it.
/// - **Images** are consistent: the state at one revision, whatever is written meanwhile.
/// - **Progress** that is demanded comes to every watcher of the demand's ranges whose request asks
///   for progress, as soon as it has been given everything up to the revision of the demand.
#[async_trait]
pub trait Operator: Store {
    /// Lists the members, and tells who leads.
    ///
    /// # Errors
    /// [`Unavailable`](StoreError::Unavailable): no majority answers.
    async fn members(&self) -> Result<Membership, StoreError>;

    /// Changes the members, or who leads.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid): the engine has one member, or the change breaks a rule.
    async fn change_members(&self, change: MemberChange) -> Result<Membership, StoreError>;

    /// Raises, clears or lists alarms; returns those that are then raised.
    ///
    /// # Errors
    /// [`Unavailable`](StoreError::Unavailable).
    async fn alarm(&self, op: AlarmOp) -> Result<Vec<Alarm>, StoreError>;

    /// Streams the whole state at the newest revision.
    ///
    /// # Errors
    /// [`Unavailable`](StoreError::Unavailable).
    async fn image(&self) -> Result<ImageStream, StoreError>;

    /// Tells how the engine is.
    ///
    /// # Errors
    /// [`Unavailable`](StoreError::Unavailable).
    async fn engine(&self) -> Result<EngineStatus, StoreError>;

    /// Demands progress for the watchers of exactly these ranges, for all where none is named,
    /// without waiting for their time. Others are left asleep.
    fn demand_progress(&self, of: &[KeyRange]);

    /// The term of the leader as it is known here, without asking anybody: every answer of the etcd
    /// face tells it. 1 where there is one member.
    fn term(&self) -> u64 {
        1
    }
}

/// An image in pieces of some tens of kilobytes.
pub type ImageStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// The members of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Membership {
    /// The cluster's number, which members check before they speak to each other.
    pub cluster: u64,
    /// The member that answers.
    pub this: MemberId,
    /// The leader; `None` while there is none.
    pub leader: Option<MemberId>,
    /// All members, by id.
    pub members: Vec<Member>,
}

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its number.
    pub id: MemberId,
    /// What people call it.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    pub client_urls: Vec<String>,
    /// Whether it follows without a vote.
    pub learner: bool,
}

/// A change of members.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberChange {
    /// Adds a member; it gets a new number.
    Add {
        /// What people call it; may be empty until it joins.
        name: String,
        /// Where others reach it.
        peer_urls: Vec<String>,
        /// Whether it follows without a vote.
        learner: bool,
    },
    /// Lets a learner vote.
    Promote(MemberId),
    /// Takes a member out.
    Remove(MemberId),
    /// Changes where others reach a member.
    Update {
        /// The member.
        id: MemberId,
        /// Where others reach it from now on.
        peer_urls: Vec<String>,
    },
    /// Makes another voter the leader.
    Lead(MemberId),
}

/// What is wrong with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AlarmKind {
    /// Out of space: writes that need more are refused, deletions and reads go on.
    NoSpace,
    /// The data do not match their checksums, or those of other members.
    Corrupt,
}

/// A raised alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// The member that it is about.
    pub member: MemberId,
    /// What is wrong.
    pub kind: AlarmKind,
}

/// A request about alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlarmOp {
    /// Lists.
    List,
    /// Raises one.
    Raise(Alarm),
    /// Clears one.
    Clear(Alarm),
}

/// How an engine is, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineStatus {
    /// The term of the leader; 1 where there is one member.
    pub term: u64,
    /// How many commands are in the order of all.
    pub committed: u64,
    /// How many of them have been applied here.
    pub applied: u64,
    /// Bytes on disk, or in memory where there is no disk.
    pub disk_bytes: u64,
    /// Bytes of keys and values.
    pub data_bytes: u64,
    /// The most bytes of keys and values.
    pub quota_bytes: u64,
    /// Whether this member follows without a vote.
    pub learner: bool,
}
