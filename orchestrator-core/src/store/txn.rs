//! Transactions: conditions, and what is done where they hold.

use super::{Key, KeyRange, KeyValue, LeaseId, Range, RangeResponse, Revision};
use crate::Value;

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
