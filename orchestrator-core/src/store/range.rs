//! Reads.

use super::{KeyRange, KeyValue, Revision};

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
