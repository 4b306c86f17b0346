//! Calls and answers as messages.

use bytes::Bytes;

use super::super::{Call, CallKind, Refused};
use crate::proto::raft as pb;

impl From<Call> for pb::Request {
    fn from(call: Call) -> Self {
        let Call { cluster, from, to, kind, body } = call;
        let kind = match kind {
            CallKind::Append => pb::Kind::Append,
            CallKind::PreVote => pb::Kind::PreVote,
            CallKind::Vote => pb::Kind::Vote,
            CallKind::Snapshot => pb::Kind::Snapshot,
            CallKind::Transfer => pb::Kind::Transfer,
            CallKind::Propose => pb::Kind::Propose,
            CallKind::ReadIndex => pb::Kind::ReadIndex,
            CallKind::Change => pb::Kind::Change,
            CallKind::Join => pb::Kind::Join,
        };
        Self { cluster, from, to, kind: kind.into(), body }
    }
}

/// The call in `request`; `None` if it is of a kind that this version does not know.
pub(super) fn call(request: pb::Request) -> Option<Call> {
    let kind = match request.kind() {
        pb::Kind::Unspecified => return None,
        pb::Kind::Append => CallKind::Append,
        pb::Kind::PreVote => CallKind::PreVote,
        pb::Kind::Vote => CallKind::Vote,
        pb::Kind::Snapshot => CallKind::Snapshot,
        pb::Kind::Transfer => CallKind::Transfer,
        pb::Kind::Propose => CallKind::Propose,
        pb::Kind::ReadIndex => CallKind::ReadIndex,
        pb::Kind::Change => CallKind::Change,
        pb::Kind::Join => CallKind::Join,
    };
    let pb::Request { cluster, from, to, body, .. } = request;
    Some(Call { cluster, from, to, kind, body })
}

/// The message for an answer.
pub(super) fn answer(answer: Result<Bytes, Refused>) -> pb::Answer {
    let refusal = match &answer {
        Ok(_) => pb::Refusal::None,
        Err(Refused::WrongCluster) => pb::Refusal::WrongCluster,
        Err(Refused::WrongMember) => pb::Refusal::WrongMember,
        Err(Refused::Removed) => pb::Refusal::Removed,
        Err(Refused::Malformed) => pb::Refusal::Malformed,
        Err(Refused::Stopped) => pb::Refusal::Stopped,
        Err(Refused::Busy) => pb::Refusal::Busy,
    };
    pb::Answer { body: answer.unwrap_or_default(), refusal: refusal.into() }
}

/// The answer in a message.
pub(super) fn answered(answer: pb::Answer) -> Result<Bytes, Refused> {
    match answer.refusal() {
        pb::Refusal::None => Ok(answer.body),
        pb::Refusal::WrongCluster => Err(Refused::WrongCluster),
        pb::Refusal::WrongMember => Err(Refused::WrongMember),
        pb::Refusal::Removed => Err(Refused::Removed),
        pb::Refusal::Malformed => Err(Refused::Malformed),
        pb::Refusal::Stopped => Err(Refused::Stopped),
        pb::Refusal::Busy => Err(Refused::Busy),
    }
}
