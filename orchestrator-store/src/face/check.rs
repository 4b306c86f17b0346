//! What a request must satisfy whatever the state, in etcd's order: the first broken rule is told.

use orchestrator_core::store::MAX_TXN_OPS;
use prost::Message;
use tonic::Status;

use super::fault::{
    EMPTY_KEY, Fault, INVALID_SORT, KEY_NOT_FOUND, LEASE_PROVIDED, TOO_LARGE, TOO_MANY_OPS,
    VALUE_PROVIDED,
};
use super::options::MAX_REQUEST_BYTES;
use crate::proto::etcd::range_request::{SortOrder, SortTarget};
use crate::proto::etcd::request_op::Request;
use crate::proto::etcd::{DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest};

pub(super) fn range(request: &RangeRequest) -> Result<(), Fault> {
    key(&request.key)?;
    let known = SortOrder::try_from(request.sort_order).is_ok()
        && SortTarget::try_from(request.sort_target).is_ok();
    if known { Ok(()) } else { Err(INVALID_SORT) }
}

pub(super) fn put(request: &PutRequest) -> Result<(), Fault> {
    key(&request.key)?;
    if request.ignore_value && !request.value.is_empty() {
        return Err(VALUE_PROVIDED);
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(LEASE_PROVIDED);
    }
    Ok(())
}

pub(super) fn delete(request: &DeleteRangeRequest) -> Result<(), Fault> {
    key(&request.key)
}

pub(super) fn txn(request: &TxnRequest) -> Result<(), Fault> {
    txn_within(request, MAX_TXN_OPS)
}

/// Refuses what is longer than a command may be; the message was read, so it is not much longer.
pub(super) fn size(request: &impl Message) -> Result<(), Status> {
    if request.encoded_len() > MAX_REQUEST_BYTES { Err(TOO_LARGE.into()) } else { Ok(()) }
}

fn key(key: &[u8]) -> Result<(), Fault> {
    if key.is_empty() { Err(EMPTY_KEY) } else { Ok(()) }
}

/// A nested transaction has what room the widest list around it leaves, so nesting is bounded.
fn txn_within(request: &TxnRequest, room: usize) -> Result<(), Fault> {
    let TxnRequest { compare, success, failure } = request;
    let widest = compare.len().max(success.len()).max(failure.len());
    let Some(left) = room.checked_sub(widest) else { return Err(TOO_MANY_OPS) };
    compare.iter().try_for_each(|compare| key(&compare.key))?;
    success.iter().chain(failure).try_for_each(|op| self::op(op, left))
}

fn op(op: &RequestOp, room: usize) -> Result<(), Fault> {
    match &op.request {
        Some(Request::RequestRange(request)) => range(request),
        Some(Request::RequestPut(request)) => put(request),
        Some(Request::RequestDeleteRange(request)) => delete(request),
        Some(Request::RequestTxn(request)) => txn_within(request, room),
        None => Err(KEY_NOT_FOUND),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcd::Compare;

    fn nested(depth: usize) -> TxnRequest {
        (0..depth).fold(TxnRequest::default(), |inner, _| TxnRequest {
            success: vec![RequestOp { request: Some(Request::RequestTxn(inner)) }],
            ..TxnRequest::default()
        })
    }

    #[test]
    fn puts_and_ranges_break_one_rule_at_a_time() {
        let put = |key: &'static str, value: &'static str, lease, ignore_value, ignore_lease| {
            let (key, value) = (key.into(), value.into());
            self::put(&PutRequest { key, value, lease, ignore_value, ignore_lease, prev_kv: false })
        };
        assert_eq!(put("", "", 0, false, false), Err(EMPTY_KEY));
        assert_eq!(put("k", "v", 0, true, false), Err(VALUE_PROVIDED));
        assert_eq!(put("k", "", 7, true, true), Err(LEASE_PROVIDED));
        assert_eq!(put("k", "", 7, true, false), Ok(()));
        let range = |key: &'static str, sort_order, sort_target| {
            let key = key.into();
            self::range(&RangeRequest { key, sort_order, sort_target, ..RangeRequest::default() })
        };
        assert_eq!(range("", 0, 0), Err(EMPTY_KEY));
        assert_eq!(range("k", 3, 0), Err(INVALID_SORT));
        assert_eq!(range("k", 2, 5), Err(INVALID_SORT));
        assert_eq!(range("k", 2, 4), Ok(()));
    }

    #[test]
    fn lists_are_at_most_128_long_and_nesting_uses_them_up() {
        let compares = |n| vec![Compare { key: "k".into(), ..Compare::default() }; n];
        let wide = |n| TxnRequest { compare: compares(n), ..TxnRequest::default() };
        assert_eq!((txn(&wide(128)), txn(&wide(129))), (Ok(()), Err(TOO_MANY_OPS)));
        assert_eq!((txn(&nested(128)), txn(&nested(129))), (Ok(()), Err(TOO_MANY_OPS)));
        let empty = TxnRequest { failure: vec![RequestOp::default()], ..TxnRequest::default() };
        assert_eq!(txn(&empty), Err(KEY_NOT_FOUND));
    }
}
