//! Requests of the wire as those of the store.

use bytes::Bytes;
use orchestrator_core::store::{
    Compare, Key, KeyRange, Op, Put, Range, Relation, Revision, Target, Txn,
};
use orchestrator_core::value::Value;

use super::select;
use crate::proto::etcd as pb;
use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::request_op::Request;

/// The keys from `key` to `end`, which is empty for one key, and a zero byte for no end: the same
/// as in the store.
pub(super) fn keys(key: &[u8], end: &[u8]) -> KeyRange {
    let end = (!end.is_empty()).then(|| Key::from(end));
    KeyRange { start: Key::from(key), end }
}

/// A revision of the wire, where everything that is not above zero is the newest.
pub(super) fn revision(of_wire: i64) -> Revision {
    u64::try_from(of_wire).map_or(Revision::ZERO, Revision::new)
}

pub(super) fn range(request: &pb::RangeRequest) -> Range {
    let mut range = Range::new(keys(&request.key, &request.range_end));
    range.revision = revision(request.revision);
    range.limit = select::fetch_limit(request);
    range.count_only = request.count_only;
    range.serializable = request.serializable;
    range
}

/// A put; its value gets memory of its own, for that of the request is larger and short-lived.
pub(super) fn put(request: &pb::PutRequest) -> Put {
    Put {
        key: Key::from(&request.key[..]),
        value: (!request.ignore_value).then(|| value(&request.value)),
        lease: (!request.ignore_lease).then_some(request.lease),
    }
}

/// A transaction of one step.
pub(super) fn single(op: Op) -> Txn {
    Txn { compare: Vec::new(), then: vec![op], otherwise: Vec::new() }
}

/// A transaction that was [checked](super::check::txn).
pub(super) fn txn(request: &pb::TxnRequest) -> Txn {
    Txn {
        compare: request.compare.iter().map(compare).collect(),
        then: request.success.iter().filter_map(op).collect(),
        otherwise: request.failure.iter().filter_map(op).collect(),
    }
}

fn op(op: &pb::RequestOp) -> Option<Op> {
    Some(match op.request.as_ref()? {
        Request::RequestRange(request) => Op::Range(range(request)),
        Request::RequestPut(request) => Op::Put(put(request)),
        Request::RequestDeleteRange(request) => Op::Delete(keys(&request.key, &request.range_end)),
        Request::RequestTxn(request) => Op::Txn(Box::new(txn(request))),
    })
}

fn compare(compare: &pb::Compare) -> Compare {
    let (target, below_zero) = target(compare);
    let relation = match (compare.result(), below_zero) {
        // Whatever is there is greater than a number below zero.
        (CompareResult::Greater | CompareResult::NotEqual, true) => Relation::NotEqual,
        (CompareResult::Less | CompareResult::Equal, true) => Relation::Equal,
        (CompareResult::Equal, false) => Relation::Equal,
        (CompareResult::NotEqual, false) => Relation::NotEqual,
        (CompareResult::Greater, false) => Relation::Greater,
        (CompareResult::Less, false) => Relation::Less,
    };
    Compare { keys: keys(&compare.key, &compare.range_end), target, relation }
}

/// What is compared with, and whether it is a number below zero, which the store does not know:
/// then it is one that nothing reaches. An absent or foreign union is zero, or no bytes.
fn target(compare: &pb::Compare) -> (Target, bool) {
    let union = compare.target_union.as_ref();
    let number = match union {
        Some(TargetUnion::Version(n)) if compare.target() == CompareTarget::Version => *n,
        Some(TargetUnion::CreateRevision(n)) if compare.target() == CompareTarget::Create => *n,
        Some(TargetUnion::ModRevision(n)) if compare.target() == CompareTarget::Mod => *n,
        _ => 0,
    };
    let unsigned = u64::try_from(number).unwrap_or(u64::MAX);
    let target = match (compare.target(), union) {
        (CompareTarget::Version, _) => Target::Version(unsigned),
        (CompareTarget::Create, _) => Target::CreateRevision(Revision::new(unsigned)),
        (CompareTarget::Mod, _) => Target::ModRevision(Revision::new(unsigned)),
        (CompareTarget::Value, Some(TargetUnion::Value(bytes))) => Target::Value(value(bytes)),
        (CompareTarget::Value, _) => Target::Value(value(b"")),
        (CompareTarget::Lease, Some(TargetUnion::Lease(id))) => Target::Lease(*id),
        (CompareTarget::Lease, _) => Target::Lease(0),
    };
    (target, number < 0)
}

fn value(bytes: &[u8]) -> Value {
    Value::from_bytes(Bytes::copy_from_slice(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(target: CompareTarget, union: Option<TargetUnion>) -> (Target, Relation) {
        let done = compare(&pb::Compare {
            result: CompareResult::Less.into(),
            target: target.into(),
            key: "k".into(),
            range_end: Bytes::new(),
            target_union: union,
        });
        (done.target, done.relation)
    }

    #[test]
    fn a_comparison_without_its_number_compares_with_zero() {
        use TargetUnion::*;
        let less = |target| (target, Relation::Less);
        let version = Target::Version;
        assert_eq!(compared(CompareTarget::Version, Some(Version(4))), less(version(4)));
        assert_eq!(compared(CompareTarget::Version, Some(ModRevision(4))), less(version(0)));
        assert_eq!(compared(CompareTarget::Version, None), less(version(0)));
        let empty = Target::Value(super::value(b""));
        assert_eq!(compared(CompareTarget::Value, Some(Lease(4))), less(empty));
        assert_eq!(compared(CompareTarget::Lease, Some(Lease(-4))), less(Target::Lease(-4)));
    }

    #[test]
    fn nothing_is_less_than_a_number_below_zero() {
        let (target, relation) = compared(CompareTarget::Mod, Some(TargetUnion::ModRevision(-1)));
        assert_eq!(target, Target::ModRevision(Revision::new(u64::MAX)));
        assert_eq!(relation, Relation::Equal);
    }

    #[test]
    fn ends_of_ranges_are_as_in_the_store() {
        assert_eq!(keys(b"a", b""), KeyRange::key("a"));
        assert!(keys(b"a", b"\0").is_unbounded());
        assert_eq!((revision(-4), revision(4)), (Revision::ZERO, Revision::new(4)));
    }
}
