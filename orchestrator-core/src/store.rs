//! The store: one versioned map and one ordered log of its changes.
//!
//! A watcher sees each [`Revision`] once, in order, or is told that it fell behind and lists
//! again. The store knows keys and values, not pods; typed access is in `orchestrator-client`.
//! Start at [`Store`]. The suite that every store must pass is `orchestrator_testkit::store`;
//! the engines are in `orchestrator-store`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::{BoxError, Value};

/// The place of a write in the one order of all writes; the store starts at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

impl Revision {
    /// No revision: the newest where one is asked for, none where one is told.
    pub const ZERO: Self = Self(0);

    /// The revision `number`.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this is [`ZERO`](Self::ZERO).
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key: any bytes, ordered by byte; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first key that does not begin with `prefix`, which ends the range of those that do.
    ///
    /// A prefix of nothing but `0xff` has no such key; then the result is the one byte 0, which
    /// [`KeyRange`] reads as "no end".
    pub fn prefix_end(prefix: &[u8]) -> Self {
        let kept = prefix.iter().rposition(|byte| *byte != 0xff);
        let Some(last) = kept else { return Self::from(&[0][..]) };
        let mut end = prefix[..=last].to_vec();
        end[last] += 1;
        Self::from(end)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl std::borrow::Borrow<[u8]> for Key {
    #[inline]
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

/// Some keys: one, or all from `start` up to `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub start: Key,
    /// The first key after the range; `None` for the one key `start`; the one byte 0 for no end.
    pub end: Option<Key>,
}

impl KeyRange {
    /// The one key `key`.
    pub fn key(key: impl Into<Key>) -> Self {
        Self { start: key.into(), end: None }
    }

    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Key>) -> Self {
        let start = prefix.into();
        let end = Some(Key::prefix_end(start.as_bytes()));
        Self { start, end }
    }

    /// Whether the range has no upper end.
    pub fn is_unbounded(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.as_bytes() == [0])
    }

    /// Whether `key` is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        match &self.end {
            None => key == self.start.as_bytes(),
            Some(_) if self.is_unbounded() => key >= self.start.as_bytes(),
            Some(end) => key >= self.start.as_bytes() && key < end.as_bytes(),
        }
    }
}

/// A key with its value and its history in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyValue {
    /// The key.
    pub key: Key,
    /// The value; empty bytes for the tombstone in a delete event.
    pub value: Value,
    /// The revision of the put that made the key.
    pub create_revision: Revision,
    /// The revision of the newest put, or of the deletion.
    pub mod_revision: Revision,
    /// How many puts since the key was made; 1 for the first.
    pub version: u64,
    /// The lease that the key ends with; 0 for none.
    pub lease: LeaseId,
}

/// The name of a lease; 0 is no lease.
pub type LeaseId = i64;

/// A read of some keys at one revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// Which keys.
    pub keys: KeyRange,
    /// At which revision; zero for the newest.
    pub revision: Revision,
    /// How many keys at the most; 0 for all.
    pub limit: usize,
    /// Count the keys and return none of them.
    pub count_only: bool,
    /// Read what the nearest member has, which may be old, instead of what is newest of all.
    pub serializable: bool,
}

impl Range {
    /// All of `keys` at the newest revision.
    pub fn new(keys: KeyRange) -> Self {
        Self { keys, revision: Revision::ZERO, limit: 0, count_only: false, serializable: false }
    }
}

/// The keys that a [`Range`] found, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RangeResponse {
    /// The store's newest revision when the read was made.
    pub revision: Revision,
    /// The keys, at most the limit.
    pub kvs: Vec<KeyValue>,
    /// How many keys match, the limit aside.
    pub count: u64,
    /// Whether the limit cut some off.
    pub more: bool,
}

/// What a comparison looks at; a missing key compares as zeros, and its value as unequal to all.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// The number of puts since the key was made.
    Version(u64),
    /// The revision that made the key.
    CreateRevision(Revision),
    /// The revision of the newest put.
    ModRevision(Revision),
    /// The value, byte by byte.
    Value(Value),
    /// The lease.
    Lease(LeaseId),
}

/// How a comparison compares what is there (left) with its target (right).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// Greater.
    Greater,
    /// Less.
    Less,
}

/// A condition of a transaction; over a range it must hold for every key in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    /// Which keys.
    pub keys: KeyRange,
    /// What of them, and against what.
    pub target: Target,
    /// How.
    pub relation: Relation,
}

impl Compare {
    /// The key was last written at `revision`; zero for "is not there".
    pub fn mod_revision(key: impl Into<Key>, revision: Revision) -> Self {
        let target = Target::ModRevision(revision);
        Self { keys: KeyRange::key(key), target, relation: Relation::Equal }
    }
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Reads.
    Range(Range),
    /// Writes one key.
    Put(Put),
    /// Deletes all keys of a range.
    Delete(KeyRange),
    /// A transaction within the transaction.
    Txn(Box<Txn>),
}

/// A write of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// The key; not empty.
    pub key: Key,
    /// The new value; `None` keeps the present one, which must be there.
    pub value: Option<Value>,
    /// The new lease, 0 for none; `None` keeps the present one of a key that must be there.
    pub lease: Option<LeaseId>,
}

impl Put {
    /// Writes `value` at `key`, without a lease.
    pub fn new(key: impl Into<Key>, value: Value) -> Self {
        Self { key: key.into(), value: Some(value), lease: Some(0) }
    }
}

/// If all comparisons hold, the steps of `then`, else those of `otherwise`: all in one revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Txn {
    /// The conditions.
    pub compare: Vec<Compare>,
    /// The steps where all hold.
    pub then: Vec<Op>,
    /// The steps where one does not.
    pub otherwise: Vec<Op>,
}

/// What a transaction did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnResponse {
    /// The store's newest revision after it: its own where it wrote anything.
    pub revision: Revision,
    /// Whether the comparisons held.
    pub succeeded: bool,
    /// One result per step of the branch taken.
    pub results: Vec<OpResult>,
}

/// What one step did.
#[derive(Clone, Debug, PartialEq)]
pub enum OpResult {
    /// What a read found.
    Range(RangeResponse),
    /// What a put replaced.
    Put {
        /// The key before; `None` where it was not there.
        prev: Option<KeyValue>,
    },
    /// What a delete removed, in key order.
    Delete {
        /// The keys before.
        prev: Vec<KeyValue>,
    },
    /// What the inner transaction did.
    Txn(TxnResponse),
}

/// Which changes a watcher wants.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchRequest {
    /// Which keys.
    pub keys: KeyRange,
    /// The first revision wanted; zero for the one after the newest. It may lie in the future.
    pub from: Revision,
    /// How long a watcher that has everything waits before it is told so with a
    /// [`Progress`](WatchUpdate::Progress); `None` for never, [`Duration::MAX`] for only when an
    /// operator of the store demands it.
    pub progress: Option<Duration>,
}

impl WatchRequest {
    /// All changes of `keys` in `from` and later, without progress items.
    pub fn new(keys: KeyRange, from: Revision) -> Self {
        Self { keys, from, progress: None }
    }

    /// The same, with a progress item after each `every` in which nothing else came.
    #[must_use]
    pub fn with_progress(mut self, every: Duration) -> Self {
        self.progress = Some(every);
        self
    }
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The key after the change; for a deletion only key and `mod_revision` mean something.
    pub kv: KeyValue,
    /// The key before; `None` where it was not there.
    pub prev: Option<KeyValue>,
    /// Whether the change is a deletion.
    pub deleted: bool,
}

/// What a watcher receives.
#[derive(Clone, Debug)]
pub enum WatchUpdate {
    /// All changes of one revision that match; never split, never empty.
    Events {
        /// The revision of all of them.
        revision: Revision,
        /// The changes, in the order in which the transaction made them.
        events: Arc<[Arc<Event>]>,
    },
    /// Every matching change up to this revision has been delivered.
    Progress(Revision),
}

/// The changes a watcher asked for, without end; an error is the last item.
pub type WatchStream = BoxStream<'static, Result<WatchUpdate, StoreError>>;

/// A request about leases.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseOp {
    /// Makes a lease that lives for `ttl` after its last keep-alive; id 0 lets the store choose.
    Grant {
        /// The wanted id.
        id: LeaseId,
        /// How long it lives.
        ttl: Duration,
    },
    /// Starts the lease's time again.
    KeepAlive(LeaseId),
    /// Ends the lease: its keys are deleted in one revision.
    Revoke(LeaseId),
    /// Tells of one lease.
    Describe(LeaseId),
    /// Lists the leases.
    List,
}

/// A lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseInfo {
    /// Its id.
    pub id: LeaseId,
    /// How long it lives after a keep-alive.
    pub ttl: Duration,
    /// How long it has left.
    pub remaining: Duration,
    /// The keys that end with it, in order.
    pub keys: Vec<Key>,
}

/// How the store is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// The newest revision.
    pub revision: Revision,
    /// The oldest revision that can be read; watches can start after it.
    pub compacted: Revision,
    /// How many keys there are now.
    pub keys: u64,
    /// How many bytes the data takes, about.
    pub bytes: u64,
    /// The engine's name, as in `memory`.
    pub engine: &'static str,
}

/// A linearizable map from [`Key`] to [`Value`] that remembers the order of its changes.
///
/// # Contract
/// - **One order.** Each transaction that writes takes the revision after the newest; no gaps.
///   One that writes nothing takes none.
/// - **Read your write.** After `Ok`, every later read and watch shows the write.
/// - **All or nothing.** A transaction's writes appear together, in one revision; its checks
///   precede its writes, its reads see its own writes.
/// - **Watches** deliver each matching revision once, in order, whole; progress only when true.
///   A watcher never blocks a writer: one that falls too far behind ends with
///   [`Compacted`](StoreError::Compacted).
/// - **Leases** end their keys never before the TTL after the last keep-alive, in one revision.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Reads keys at one revision.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted), [`Future`](StoreError::Future) for a revision that
    /// is gone or not there yet.
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError>;

    /// Applies `txn` in one step.
    ///
    /// A value is at most [`MAX_VALUE_BYTES`], a branch at most [`MAX_TXN_OPS`] steps.
    ///
    /// # Cancellation
    /// Dropping the future leaves the outcome unknown.
    ///
    /// # Errors
    /// [`Unknown`](StoreError::Unknown): the write may still happen; any other: it did not.
    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError>;

    /// Watches keys from a revision.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted): the first revision is gone; list again.
    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError>;

    /// Makes, keeps, ends or tells of leases; a list of those concerned.
    ///
    /// # Errors
    /// [`LeaseNotFound`](StoreError::LeaseNotFound), [`LeaseExists`](StoreError::LeaseExists).
    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError>;

    /// Forgets what is older than `revision`, which itself can still be read.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted) if that was done before, [`Future`](StoreError::Future).
    async fn compact(&self, revision: Revision) -> Result<(), StoreError>;

    /// Tells how the store is.
    ///
    /// # Errors
    /// [`Unavailable`](StoreError::Unavailable).
    async fn status(&self) -> Result<StoreStatus, StoreError>;
}

/// The longest value: 1.5 MiB, etcd's limit on a request, which clients have learnt.
pub const MAX_VALUE_BYTES: usize = 1536 * 1024;

/// The most steps, and the most comparisons, in a branch of a transaction: etcd's limit.
pub const MAX_TXN_OPS: usize = 128;

/// How deep transactions nest: far more than any client uses, little enough for the stack.
pub const MAX_TXN_DEPTH: usize = 8;

/// The longest life of a lease: 9,000,000,000 s, etcd's limit.
pub const MAX_LEASE_TTL: Duration = Duration::from_secs(9_000_000_000);

/// Why a [`Store`] call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The revision asked for is gone; list again.
    #[error("revision {wanted} is compacted, the oldest is {oldest}")]
    Compacted {
        /// The revision asked for.
        wanted: Revision,
        /// The oldest that can be read.
        oldest: Revision,
    },
    /// The revision asked for is not there yet.
    #[error("revision {wanted} is in the future, the newest is {newest}")]
    Future {
        /// The revision asked for.
        wanted: Revision,
        /// The newest revision.
        newest: Revision,
    },
    /// The request breaks a rule of the contract.
    #[error("invalid request: {0}")]
    Invalid(&'static str),
    /// A put that keeps value or lease needs a key that is there.
    #[error("key not found")]
    KeyNotFound,
    /// The value is longer than [`MAX_VALUE_BYTES`].
    #[error("value of {bytes} bytes is longer than {max}")]
    TooLarge {
        /// The length of the value.
        bytes: usize,
        /// The longest that is taken.
        max: usize,
    },
    /// There is no such lease.
    #[error("lease {0} not found")]
    LeaseNotFound(LeaseId),
    /// There is such a lease already.
    #[error("lease {0} already exists")]
    LeaseExists(LeaseId),
    /// The store has no room; reads go on.
    #[error("store is out of space")]
    NoSpace,
    /// The store did not take the request; a write did not happen.
    #[error("store unavailable")]
    Unavailable(#[source] BoxError),
    /// The store did not answer; a write may or may not have happened.
    #[error("outcome unknown")]
    Unknown(#[source] BoxError),
}

/// What to do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Read the key again, then decide.
    AfterReread,
    /// List again, then watch from there.
    AfterRelist,
    /// Try the same again, later.
    AfterBackoff,
    /// The same request will never succeed.
    Never,
}

impl StoreError {
    /// What to do next.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Compacted { .. } => Recovery::AfterRelist,
            Self::Unknown(_) | Self::KeyNotFound => Recovery::AfterReread,
            Self::Unavailable(_) | Self::Future { .. } | Self::NoSpace => Recovery::AfterBackoff,
            Self::Invalid(_)
            | Self::TooLarge { .. }
            | Self::LeaseNotFound(_)
            | Self::LeaseExists(_) => Recovery::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Store) {}

    #[test]
    fn a_prefix_ends_before_the_next_key_that_lacks_it() {
        let cases: [(&[u8], &[u8]); 4] =
            [(b"a", b"b"), (b"a/", b"a0"), (b"a\xff", b"b"), (b"\xff", b"\0")];
        for (prefix, end) in cases {
            assert_eq!(Key::prefix_end(prefix).as_bytes(), end);
        }
        let range = KeyRange::prefix("a/");
        assert!(range.contains(b"a/x") && !range.contains(b"a") && !range.contains(b"a0"));
        assert!(KeyRange::prefix(&b"\xff"[..]).contains(b"\xff\xff"));
    }
}
