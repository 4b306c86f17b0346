//! Why a call fails, and what to do then.

use super::{LeaseId, Revision};
use crate::BoxError;

/// Why a [`Store`](super::Store) call failed.
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
    /// The value is longer than [`MAX_VALUE_BYTES`](super::MAX_VALUE_BYTES).
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
