//! Refusals in etcd's words: clients tell errors apart by code and exact text.

use orchestrator_core::store::StoreError;
use tonic::{Code, Status};

/// One of etcd's errors: its code, and its text after the prefix that all have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) text: &'static str,
}

/// What every text begins with.
const PREFIX: &str = "etcdserver: ";

const fn fault(code: Code, text: &'static str) -> Fault {
    Fault { code, text }
}

pub(super) const EMPTY_KEY: Fault = fault(Code::InvalidArgument, "key is not provided");
pub(super) const KEY_NOT_FOUND: Fault = fault(Code::InvalidArgument, "key not found");
pub(super) const VALUE_PROVIDED: Fault = fault(Code::InvalidArgument, "value is provided");
pub(super) const LEASE_PROVIDED: Fault = fault(Code::InvalidArgument, "lease is provided");
pub(super) const TOO_MANY_OPS: Fault =
    fault(Code::InvalidArgument, "too many operations in txn request");
pub(super) const INVALID_SORT: Fault = fault(Code::InvalidArgument, "invalid sort option");
pub(super) const TOO_LARGE: Fault = fault(Code::InvalidArgument, "request is too large");
pub(super) const BAD_VERSION: Fault =
    fault(Code::InvalidArgument, "wrong downgrade target version format");
pub(super) const BAD_TARGET: Fault =
    fault(Code::InvalidArgument, "invalid downgrade target version");
pub(super) const COMPACTED: Fault =
    fault(Code::OutOfRange, "mvcc: required revision has been compacted");
pub(super) const FUTURE: Fault =
    fault(Code::OutOfRange, "mvcc: required revision is a future revision");
pub(super) const LONG_LEASE: Fault = fault(Code::OutOfRange, "too large lease TTL");
pub(super) const NO_SPACE: Fault = fault(Code::ResourceExhausted, "mvcc: database space exceeded");
pub(super) const TOO_MANY_REQUESTS: Fault = fault(Code::ResourceExhausted, "too many requests");
pub(super) const LEASE_NOT_FOUND: Fault = fault(Code::NotFound, "requested lease not found");
pub(super) const LEASE_EXISTS: Fault = fault(Code::FailedPrecondition, "lease already exists");
pub(super) const BAD_URLS: Fault = fault(Code::InvalidArgument, "given member URLs are invalid");
pub(super) const MEMBER_NOT_FOUND: Fault = fault(Code::NotFound, "member not found");
pub(super) const URLS_EXIST: Fault = fault(Code::FailedPrecondition, "Peer URLs already exists");
pub(super) const NOT_LEADER: Fault = fault(Code::FailedPrecondition, "not leader");
pub(super) const BAD_TRANSFEREE: Fault = fault(Code::FailedPrecondition, "bad leader transferee");
pub(super) const NO_AUTH: Fault = fault(Code::FailedPrecondition, "authentication is not enabled");
pub(super) const NO_DOWNGRADE: Fault = fault(Code::FailedPrecondition, "no inflight downgrade job");
pub(super) const NO_LEADER: Fault = fault(Code::Unavailable, "no leader");
pub(super) const STOPPED: Fault = fault(Code::Unavailable, "server stopped");
pub(super) const TIMED_OUT: Fault = fault(Code::Unavailable, "request timed out");

/// Those that an engine may name by their text in an error of its own.
const NAMED: [Fault; 37] = [
    EMPTY_KEY,
    KEY_NOT_FOUND,
    VALUE_PROVIDED,
    LEASE_PROVIDED,
    TOO_MANY_OPS,
    INVALID_SORT,
    TOO_LARGE,
    COMPACTED,
    FUTURE,
    LONG_LEASE,
    NO_SPACE,
    TOO_MANY_REQUESTS,
    LEASE_NOT_FOUND,
    LEASE_EXISTS,
    NOT_LEADER,
    BAD_TRANSFEREE,
    NO_AUTH,
    NO_LEADER,
    STOPPED,
    TIMED_OUT,
    fault(Code::InvalidArgument, "duplicate key given in txn request"),
    fault(Code::InvalidArgument, "invalid client api version"),
    BAD_URLS,
    MEMBER_NOT_FOUND,
    URLS_EXIST,
    fault(Code::FailedPrecondition, "member ID already exist"),
    fault(Code::FailedPrecondition, "re-configuration failed due to not enough started members"),
    fault(Code::FailedPrecondition, "can only promote a learner member"),
    fault(
        Code::FailedPrecondition,
        "can only promote a learner member which is in sync with leader",
    ),
    fault(Code::FailedPrecondition, "too many learner members in cluster"),
    fault(Code::FailedPrecondition, "cluster ID mismatch"),
    fault(Code::FailedPrecondition, "rpc not supported for learner"),
    fault(Code::FailedPrecondition, "not capable"),
    fault(Code::Unavailable, "leader changed"),
    fault(Code::Unavailable, "request timed out, possibly due to previous leader failure"),
    fault(Code::Unavailable, "request timed out, possibly due to connection lost"),
    fault(Code::DataLoss, "corrupt cluster"),
];

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        Self::new(fault.code, format!("{PREFIX}{}", fault.text))
    }
}

impl Fault {
    /// The fault whose text is `text`, with or without the prefix.
    pub(super) fn named(text: &str) -> Option<Self> {
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        NAMED.into_iter().find(|fault| fault.text == text)
    }
}

/// What a client is told where the store answered `error`.
pub(super) fn status(error: &StoreError) -> Status {
    match error {
        StoreError::Compacted { .. } => COMPACTED.into(),
        StoreError::Future { .. } => FUTURE.into(),
        StoreError::KeyNotFound => KEY_NOT_FOUND.into(),
        StoreError::TooLarge { .. } => TOO_LARGE.into(),
        StoreError::LeaseNotFound(_) => LEASE_NOT_FOUND.into(),
        StoreError::LeaseExists(_) => LEASE_EXISTS.into(),
        StoreError::NoSpace => NO_SPACE.into(),
        StoreError::Invalid(why) => Fault::named(why)
            .map_or_else(|| Status::invalid_argument(format!("{PREFIX}{why}")), Status::from),
        StoreError::Unavailable(source) => {
            Fault::named(&source.to_string()).unwrap_or(STOPPED).into()
        }
        StoreError::Unknown(source) => named_timeout(&source.to_string()).into(),
        other => Status::unknown(other.to_string()),
    }
}

/// A write that may have happened is a time-out to clients, which then read before they repeat it.
fn named_timeout(text: &str) -> Fault {
    Fault::named(text).filter(|fault| fault.code == Code::Unavailable).unwrap_or(TIMED_OUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::store::Revision;

    #[test]
    fn errors_of_the_store_have_etcds_codes_and_texts() {
        use Code::*;
        let (wanted, seven) = (Revision::new(9), Revision::new(7));
        let cases: [(StoreError, Code, &str); 16] = [
            (
                StoreError::Compacted { wanted, oldest: seven },
                OutOfRange,
                "mvcc: required revision has been compacted",
            ),
            (
                StoreError::Future { wanted, newest: seven },
                OutOfRange,
                "mvcc: required revision is a future revision",
            ),
            (StoreError::KeyNotFound, InvalidArgument, "key not found"),
            (StoreError::TooLarge { bytes: 2, max: 1 }, InvalidArgument, "request is too large"),
            (StoreError::LeaseNotFound(7), NotFound, "requested lease not found"),
            (StoreError::LeaseExists(7), FailedPrecondition, "lease already exists"),
            (StoreError::NoSpace, ResourceExhausted, "mvcc: database space exceeded"),
            (StoreError::Invalid("key is not provided"), InvalidArgument, "key is not provided"),
            (StoreError::Invalid("too large lease TTL"), OutOfRange, "too large lease TTL"),
            (StoreError::Invalid("member not found"), NotFound, "member not found"),
            (
                StoreError::Invalid("duplicate key given in txn request"),
                InvalidArgument,
                "duplicate key given in txn request",
            ),
            (StoreError::Invalid("key is too long"), InvalidArgument, "key is too long"),
            (StoreError::Unavailable("no leader".into()), Unavailable, "no leader"),
            (StoreError::Unavailable("disk on fire".into()), Unavailable, "server stopped"),
            (StoreError::Unknown("the answer was lost".into()), Unavailable, "request timed out"),
            (
                StoreError::Unknown("etcdserver: leader changed".into()),
                Unavailable,
                "leader changed",
            ),
        ];
        for (error, code, text) in cases {
            let status = status(&error);
            assert_eq!((status.code(), status.message()), (code, &*format!("etcdserver: {text}")));
        }
    }

    #[test]
    fn no_text_has_two_codes() {
        for (place, fault) in NAMED.iter().enumerate() {
            assert!(NAMED[..place].iter().all(|other| other.text != fault.text), "{fault:?}");
            assert_eq!(Fault::named(&format!("etcdserver: {}", fault.text)), Some(*fault));
        }
    }
}
