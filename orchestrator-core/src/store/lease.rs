//! Leases: keys that end with a time.

use std::time::Duration;

use super::Key;

/// The name of a lease; 0 is no lease.
pub type LeaseId = i64;

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
