//! Why a request breaks a rule, in etcd's words where it has some: clients map them by text.

pub(crate) const EMPTY_KEY: &str = "key is not provided";
pub(crate) const LONG_KEY: &str = "key is too long";
pub(crate) const TOO_MANY: &str = "too many operations in txn request";
pub(crate) const TOO_DEEP: &str = "transactions are nested too deeply";
pub(crate) const DUPLICATE: &str = "duplicate key given in txn request";
pub(crate) const LEASE_WITHOUT_TIME: &str = "lease ttl is zero";
pub(crate) const LONG_LEASE: &str = "too large lease TTL";
pub(crate) const UNKNOWN_LEASE_OP: &str = "unknown request about leases";

/// All of them, so that an answer from another member is told in the same words.
pub(crate) const REASONS: [&str; 8] = [
    EMPTY_KEY,
    LONG_KEY,
    TOO_MANY,
    TOO_DEEP,
    DUPLICATE,
    LEASE_WITHOUT_TIME,
    LONG_LEASE,
    UNKNOWN_LEASE_OP,
];
