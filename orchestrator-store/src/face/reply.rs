//! Results of the store as answers of the wire.

use bytes::Bytes;
use orchestrator_core::store::{KeyValue, OpResult, RangeResponse, Revision, TxnResponse};

use super::encode::{RangeAnswer, number};
use super::select;
use crate::proto::etcd as pb;
use pb::request_op::Request;
use pb::response_op::Response;

/// A key as its own message.
pub(super) fn key_value(kv: &KeyValue, keys_only: bool) -> pb::KeyValue {
    pb::KeyValue {
        key: Bytes::copy_from_slice(kv.key.as_bytes()),
        create_revision: number(kv.create_revision.get()),
        mod_revision: number(kv.mod_revision.get()),
        version: number(kv.version),
        value: if keys_only { Bytes::new() } else { kv.value.bytes().clone() },
        lease: kv.lease,
    }
}

/// The answer to a range of its own.
pub(super) fn range(
    request: &pb::RangeRequest,
    mut found: RangeResponse,
    header: pb::ResponseHeader,
) -> RangeAnswer {
    select::apply(request, &mut found);
    RangeAnswer {
        header,
        kvs: found.kvs,
        keys_only: request.keys_only,
        more: found.more,
        count: number(found.count),
    }
}

/// The answer to a transaction.
pub(super) fn txn(
    request: &pb::TxnRequest,
    done: TxnResponse,
    header: pb::ResponseHeader,
) -> pb::TxnResponse {
    let after = done.revision;
    let before = if wrote(&done) { Revision::new(after.get() - 1) } else { after };
    let mut replies = Replies { before, after, has_written: false };
    pb::TxnResponse { header: Some(header), ..replies.txn(request, done) }
}

/// The header of a step: only the revision is told, as the step saw it.
fn step_header(revision: Revision) -> Option<pb::ResponseHeader> {
    Some(pb::ResponseHeader { revision: number(revision.get()), ..Default::default() })
}

/// Whether any step wrote.
fn wrote(done: &TxnResponse) -> bool {
    done.results.iter().any(|result| match result {
        OpResult::Put { .. } => true,
        OpResult::Delete { prev } => !prev.is_empty(),
        OpResult::Txn(inner) => wrote(inner),
        OpResult::Range(_) => false,
    })
}

/// Makes the answers of the steps, in order: each tells the revision as it was then.
struct Replies {
    before: Revision,
    after: Revision,
    has_written: bool,
}

impl Replies {
    fn txn(&mut self, request: &pb::TxnRequest, done: TxnResponse) -> pb::TxnResponse {
        let steps = if done.succeeded { &request.success } else { &request.failure };
        let requests = steps.iter().filter_map(|op| op.request.as_ref());
        let responses = requests
            .zip(done.results)
            .map(|(request, result)| pb::ResponseOp { response: self.step(request, result) });
        pb::TxnResponse {
            header: Some(pb::ResponseHeader::default()),
            succeeded: done.succeeded,
            responses: responses.collect(),
        }
    }

    /// The answer to one step; none where the store answered another question.
    fn step(&mut self, request: &Request, result: OpResult) -> Option<Response> {
        Some(match (request, result) {
            (Request::RequestRange(request), OpResult::Range(mut found)) => {
                let header = step_header(found.revision);
                select::apply(request, &mut found);
                Response::ResponseRange(pb::RangeResponse {
                    header,
                    kvs: found.kvs.iter().map(|kv| key_value(kv, request.keys_only)).collect(),
                    more: found.more,
                    count: number(found.count),
                })
            }
            (Request::RequestPut(request), OpResult::Put { prev }) => {
                self.has_written = true;
                let prev = prev.filter(|_| request.prev_kv);
                Response::ResponsePut(pb::PutResponse {
                    header: step_header(self.after),
                    prev_kv: prev.map(|kv| key_value(&kv, false)),
                })
            }
            (Request::RequestDeleteRange(request), OpResult::Delete { prev }) => {
                self.has_written |= !prev.is_empty();
                let revision = if self.has_written { self.after } else { self.before };
                Response::ResponseDeleteRange(deleted(request, &prev, step_header(revision)))
            }
            (Request::RequestTxn(request), OpResult::Txn(done)) => {
                Response::ResponseTxn(self.txn(request, done))
            }
            _ => return None,
        })
    }
}

/// The answer to a deletion.
pub(super) fn deleted(
    request: &pb::DeleteRangeRequest,
    prev: &[KeyValue],
    header: Option<pb::ResponseHeader>,
) -> pb::DeleteRangeResponse {
    let shown = if request.prev_kv { prev } else { &[] };
    pb::DeleteRangeResponse {
        header,
        deleted: prev.len() as i64,
        prev_kvs: shown.iter().map(|kv| key_value(kv, false)).collect(),
    }
}
