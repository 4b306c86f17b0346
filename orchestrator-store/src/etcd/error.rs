//! What a failed call means: was it refused, was it never sent, or is its fate unknown?
//!
//! etcd's clients know its errors by their text, and so does this. A refusal is only what the
//! server itself says in words that mean "not done"; whatever else happens after a request left,
//! a lost connection as well as a time-out that the server tells of, leaves open what became of it.

use std::error::Error;

use orchestrator_core::BoxError;
use orchestrator_core::store::StoreError;
use tonic::{Code, ConnectError, Status};

/// What the texts of etcd's own errors begin with.
const PREFIX: &str = "etcdserver: ";

/// How gRPC in Go refuses a message that is too long; it is never given to etcd.
const LONG_MESSAGE: &str = "grpc: received message larger than max";

/// Why a request is refused, where etcd's word for it is all there is to say.
const INVALID: [&str; 23] = [
    "key is not provided",
    "value is provided",
    "lease is provided",
    "ttl is 0",
    "too many operations in txn request",
    "duplicate key given in txn request",
    "too large lease TTL",
    "authentication failed, invalid user ID or password",
    "permission denied",
    "member not found",
    "member ID already exist",
    "Peer URLs already exists",
    "given member URLs are invalid",
    "re-configuration failed due to not enough started members",
    "can only promote a learner member",
    "can only promote a learner member which is in sync with leader",
    "too many learner members in cluster",
    "bad leader transferee",
    "not leader",
    "invalid sort option",
    "invalid client api version",
    "unhealthy cluster",
    "root user does not exist",
];

/// The same for what is not in the list: its text goes to the trace.
const REFUSED: &str = "etcd refuses the request";

/// Why etcd did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Compacted,
    Future,
    KeyNotFound,
    LeaseNotFound,
    LeaseExists,
    NoSpace,
    TooLarge,
    /// The token has run out, or the member that made it has restarted.
    BadToken,
    /// Users and passwords are not in use.
    AuthDisabled,
    /// This member cannot do it, now; another one may.
    Elsewhere,
    Invalid(&'static str),
}

/// How one attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was answered: no.
    Refused(Refusal),
    /// No connection was made: nothing happened.
    Unsent(Status),
    /// It may have happened.
    Lost(Status),
}

/// How a call failed in the end.
#[derive(Debug)]
pub(super) enum CallError {
    /// It was answered: no.
    Refused(Refusal),
    /// It did not happen.
    Unavailable(BoxError),
    /// It may have happened.
    Unknown(BoxError),
}

/// No answer within the time for it.
#[derive(Debug, thiserror::Error)]
#[error("no answer from etcd within the time for it")]
pub(super) struct TimedOut;

/// Sorts the failure of one attempt.
pub(super) fn classify(status: Status) -> Failure {
    if never_connected(&status) {
        return Failure::Unsent(status);
    }
    match refusal(status.code(), status.message()) {
        Some(refusal) => Failure::Refused(refusal),
        None => Failure::Lost(status),
    }
}

/// Whether the failure is that of a connection that was never made.
fn never_connected(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// What a refusal in etcd's words says; `None` where the words leave the outcome open.
pub(super) fn refusal(code: Code, text: &str) -> Option<Refusal> {
    if text.starts_with(LONG_MESSAGE) {
        return Some(Refusal::TooLarge);
    }
    // A watch that is refused tells its reason as Go prints an error of gRPC.
    let text = text.split_once(" desc = ").map_or(text, |(_, described)| described);
    let words = text.strip_prefix(PREFIX)?;
    let refusal = match words {
        "mvcc: required revision has been compacted" => Refusal::Compacted,
        "mvcc: required revision is a future revision" => Refusal::Future,
        "mvcc: database space exceeded" => Refusal::NoSpace,
        "key not found" => Refusal::KeyNotFound,
        "requested lease not found" => Refusal::LeaseNotFound,
        "lease already exists" => Refusal::LeaseExists,
        "request is too large" => Refusal::TooLarge,
        "invalid auth token" | "revision of auth store is old" | "user name is empty" => {
            Refusal::BadToken
        }
        "authentication is not enabled" => Refusal::AuthDisabled,
        "too many requests" | "not capable" | "rpc not supported for learner" => Refusal::Elsewhere,
        _ => return refused_by_code(code, words),
    };
    Some(refusal)
}

fn refused_by_code(code: Code, words: &str) -> Option<Refusal> {
    let definite = match code {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unauthenticated
        | Code::Unimplemented => true,
        Code::Unavailable => words == "unhealthy cluster",
        _ => false,
    };
    if !definite {
        return None;
    }
    let known = INVALID.iter().find(|known| **known == words);
    if known.is_none() {
        tracing::debug!(words, "etcd refuses a request");
    }
    Some(Refusal::Invalid(known.unwrap_or(&REFUSED)))
}

impl CallError {
    pub(super) fn timed_out() -> Self {
        Self::Unavailable(TimedOut.into())
    }

    /// All that is known, for a trace.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Refused(refusal) => format!("refused: {refusal:?}"),
            Self::Unavailable(source) | Self::Unknown(source) => source.to_string(),
        }
    }

    /// The error of the contract, for a call about no revision and no lease.
    pub(super) fn plain(self) -> StoreError {
        match self {
            Self::Unavailable(source) => StoreError::Unavailable(source),
            Self::Unknown(source) => StoreError::Unknown(source),
            Self::Refused(Refusal::KeyNotFound) => StoreError::KeyNotFound,
            Self::Refused(Refusal::NoSpace) => StoreError::NoSpace,
            Self::Refused(Refusal::Invalid(why)) => StoreError::Invalid(why),
            Self::Refused(Refusal::Elsewhere) => {
                StoreError::Unavailable("etcd has too much to do, or cannot do it".into())
            }
            Self::Refused(other) => {
                StoreError::Unavailable(format!("etcd refuses the request: {other:?}").into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide_what_was_not_done_and_the_rest_is_open() {
        let cases = [
            (Code::OutOfRange, "mvcc: required revision has been compacted", "Compacted"),
            (Code::NotFound, "requested lease not found", "LeaseNotFound"),
            (Code::InvalidArgument, "key not found", "KeyNotFound"),
            (Code::InvalidArgument, "key is not provided", "Invalid(\"key is not provided\")"),
            (Code::ResourceExhausted, "mvcc: database space exceeded", "NoSpace"),
            (Code::ResourceExhausted, "too many requests", "Elsewhere"),
            (Code::Unauthenticated, "invalid auth token", "BadToken"),
            (Code::FailedPrecondition, "news", "Invalid(\"etcd refuses the request\")"),
            (Code::Unavailable, "request timed out", "open"),
            (Code::Unavailable, "leader changed", "open"),
            (Code::Unavailable, "server stopped", "open"),
            (Code::Unknown, "anything", "open"),
        ];
        for (code, words, wanted) in cases {
            let given = refusal(code, &format!("etcdserver: {words}"));
            let shown = given.map_or("open".into(), |refusal| format!("{refusal:?}"));
            assert_eq!(shown, wanted, "{words}");
        }
        assert_eq!(refusal(Code::OutOfRange, "decoded message length too large"), None);
        let printed = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
        let denied = Some(Refusal::Invalid("permission denied"));
        assert_eq!(refusal(Code::PermissionDenied, printed), denied);
        let long = "grpc: received message larger than max (9 vs. 8)";
        assert_eq!(refusal(Code::ResourceExhausted, long), Some(Refusal::TooLarge));
    }
}
