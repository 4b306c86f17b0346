//! Transactions of the contract as etcd writes them.
//!
//! Every put and deletion asks for what it replaces, which the contract always tells. A transaction
//! of conditions alone reads one key besides: etcd would answer it from the nearest member, however
//! far behind, as nothing in it asks for the newest.

use orchestrator_core::store::{
    Compare, KeyRange, MAX_TXN_DEPTH, MAX_VALUE_BYTES, Op, Put, Range, Relation, Revision,
    StoreError, Target, Txn,
};

use super::keys::Prefix;
use crate::proto::etcd as wire;
use crate::proto::etcd::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::proto::etcd::request_op::Request;

const TOO_DEEP: StoreError = StoreError::Invalid("transactions are nested too deeply");

/// A transaction as it is sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) request: wire::TxnRequest,
    /// Whether a read was added whose result is nobody's.
    pub(super) padded: bool,
}

/// Writes `txn`.
pub(super) fn txn(prefix: &Prefix, txn: &Txn) -> Result<Sent, StoreError> {
    let mut request = inner(prefix, txn, 1)?;
    let padded = txn.then.is_empty() && txn.otherwise.is_empty();
    if padded {
        let probe = wire::RangeRequest {
            key: prefix.probe(),
            count_only: true,
            ..wire::RangeRequest::default()
        };
        let probe = wire::RequestOp { request: Some(Request::RequestRange(probe)) };
        request.success.push(probe.clone());
        request.failure.push(probe);
    }
    Ok(Sent { request, padded })
}

fn inner(prefix: &Prefix, txn: &Txn, depth: usize) -> Result<wire::TxnRequest, StoreError> {
    if depth > MAX_TXN_DEPTH {
        return Err(TOO_DEEP);
    }
    let compare = txn.compare.iter().map(|compare| self::compare(prefix, compare));
    let ops = |ops: &[Op]| -> Result<Vec<_>, StoreError> {
        ops.iter().map(|op| self::op(prefix, op, depth)).collect()
    };
    Ok(wire::TxnRequest {
        compare: compare.collect::<Result<_, _>>()?,
        success: ops(&txn.then)?,
        failure: ops(&txn.otherwise)?,
    })
}

fn op(prefix: &Prefix, op: &Op, depth: usize) -> Result<wire::RequestOp, StoreError> {
    let request = match op {
        Op::Range(range) => Request::RequestRange(self::range(prefix, range)?),
        Op::Put(put) => Request::RequestPut(self::put(prefix, put)?),
        Op::Delete(keys) => Request::RequestDeleteRange(delete(prefix, keys)?),
        Op::Txn(txn) => Request::RequestTxn(inner(prefix, txn, depth + 1)?),
    };
    Ok(wire::RequestOp { request: Some(request) })
}

/// A read at the newest revision of all, or at the one it names.
pub(super) fn range(prefix: &Prefix, range: &Range) -> Result<wire::RangeRequest, StoreError> {
    let keys = prefix.range(&range.keys)?;
    Ok(wire::RangeRequest {
        key: keys.key,
        range_end: keys.end,
        revision: signed(range.revision),
        limit: i64::try_from(range.limit).unwrap_or(i64::MAX),
        count_only: range.count_only,
        ..wire::RangeRequest::default()
    })
}

fn put(prefix: &Prefix, put: &Put) -> Result<wire::PutRequest, StoreError> {
    let value = put.value.as_ref().map(|value| value.bytes().clone());
    if let Some(value) = &value
        && value.len() > MAX_VALUE_BYTES
    {
        return Err(StoreError::TooLarge { bytes: value.len(), max: MAX_VALUE_BYTES });
    }
    Ok(wire::PutRequest {
        key: prefix.key(&put.key)?,
        ignore_value: value.is_none(),
        value: value.unwrap_or_default(),
        ignore_lease: put.lease.is_none(),
        lease: put.lease.unwrap_or_default(),
        prev_kv: true,
    })
}

fn delete(prefix: &Prefix, keys: &KeyRange) -> Result<wire::DeleteRangeRequest, StoreError> {
    let keys = prefix.range(keys)?;
    Ok(wire::DeleteRangeRequest { key: keys.key, range_end: keys.end, prev_kv: true })
}

fn compare(prefix: &Prefix, compare: &Compare) -> Result<wire::Compare, StoreError> {
    let keys = prefix.range(&compare.keys)?;
    let result = match compare.relation {
        Relation::Equal => CompareResult::Equal,
        Relation::NotEqual => CompareResult::NotEqual,
        Relation::Greater => CompareResult::Greater,
        Relation::Less => CompareResult::Less,
    };
    let (target, union) = match &compare.target {
        Target::Version(version) => {
            let version = i64::try_from(*version).unwrap_or(i64::MAX);
            (CompareTarget::Version, TargetUnion::Version(version))
        }
        Target::CreateRevision(revision) => {
            (CompareTarget::Create, TargetUnion::CreateRevision(signed(*revision)))
        }
        Target::ModRevision(revision) => {
            (CompareTarget::Mod, TargetUnion::ModRevision(signed(*revision)))
        }
        Target::Value(value) => (CompareTarget::Value, TargetUnion::Value(value.bytes().clone())),
        Target::Lease(lease) => (CompareTarget::Lease, TargetUnion::Lease(*lease)),
    };
    Ok(wire::Compare {
        result: result.into(),
        target: target.into(),
        key: keys.key,
        range_end: keys.end,
        target_union: Some(union),
    })
}

/// A revision as etcd counts, which stops at half of ours.
pub(super) fn signed(revision: Revision) -> i64 {
    i64::try_from(revision.get()).unwrap_or(i64::MAX)
}

/// Whether `txn` may write: where it cannot, it may be repeated.
pub(super) fn writes(txn: &Txn) -> bool {
    txn.then.iter().chain(&txn.otherwise).any(|op| match op {
        Op::Range(_) => false,
        Op::Put(_) | Op::Delete(_) => true,
        Op::Txn(inner) => writes(inner),
    })
}

/// The revisions that reads in `txn` ask for, and the leases that its puts name: what an answer
/// that refuses one of them does not repeat.
pub(super) fn mentioned(txn: &Txn) -> (Vec<Revision>, Vec<i64>) {
    let (mut revisions, mut leases) = (Vec::new(), Vec::new());
    for op in txn.then.iter().chain(&txn.otherwise) {
        match op {
            Op::Range(range) if !range.revision.is_zero() => revisions.push(range.revision),
            Op::Put(put) => leases.extend(put.lease.filter(|lease| *lease != 0)),
            Op::Txn(inner) => {
                let (more, others) = mentioned(inner);
                revisions.extend(more);
                leases.extend(others);
            }
            _ => {}
        }
    }
    (revisions, leases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::Value;

    #[test]
    fn a_transaction_of_conditions_alone_asks_for_the_newest() {
        let condition = Compare::mod_revision("a", Revision::new(7));
        let alone = Txn { compare: vec![condition], ..Txn::default() };
        let sent = txn(&Prefix::default(), &alone).expect("a plain transaction");
        assert!(sent.padded && sent.request.success.len() == 1 && sent.request.failure.len() == 1);
        let put = Op::Put(Put::new("a", Value::from_bytes("1")));
        let writes = Txn { then: vec![put], ..alone.clone() };
        let sent = txn(&Prefix::default(), &writes).expect("a plain transaction");
        assert!(!sent.padded && sent.request.failure.is_empty());
        let inner = Txn { otherwise: vec![Op::Txn(writes.clone().into())], ..Txn::default() };
        assert_eq!([&alone, &writes, &inner].map(super::writes), [false, true, true]);
    }

    #[test]
    fn what_is_kept_is_said_and_depth_and_length_are_bounded() {
        let keep = Op::Put(Put { key: "a".into(), value: None, lease: None });
        let sent = op(&Prefix::new(b"p/".to_vec()), &keep, 1).expect("a put");
        let Some(Request::RequestPut(put)) = sent.request else { panic!("a put stays a put") };
        assert!(put.ignore_value && put.ignore_lease && put.prev_kv);
        assert_eq!((&put.key[..], put.value.len(), put.lease), (&b"p/a"[..], 0, 0));
        let deep = (0..MAX_TXN_DEPTH).fold(Txn::default(), |inner, _| Txn {
            then: vec![Op::Txn(Box::new(inner))],
            ..Txn::default()
        });
        assert!(matches!(txn(&Prefix::default(), &deep), Err(StoreError::Invalid(_))));
        let long = Put::new("a", Value::from_bytes(vec![0; MAX_VALUE_BYTES + 1]));
        let refused = op(&Prefix::default(), &Op::Put(long), 1);
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
    }

    #[test]
    fn revisions_and_leases_are_found_at_any_depth() {
        let read = Range { revision: Revision::new(3), ..Range::new(KeyRange::key("a")) };
        let leased = Put { key: "a".into(), value: None, lease: Some(9) };
        let inner = Txn { then: vec![Op::Put(leased)], ..Txn::default() };
        let outer = Txn { then: vec![Op::Txn(inner.into()), Op::Range(read)], ..Txn::default() };
        assert_eq!(mentioned(&outer), (vec![Revision::new(3)], vec![9]));
    }
}
