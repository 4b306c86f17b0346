//! Which random requests are made.
//!
//! Requests name revisions as distances from the newest one, so that most of them hit something,
//! and few keys, so that they meet. Leases live for half seconds and time goes in whole ones, so
//! that no lease ends in the same moment in which it is asked about.

use std::time::Duration;

use orchestrator_core::Value;
use orchestrator_core::store::{
    Compare, Key, KeyRange, LeaseId, LeaseOp, Op, Put, Range, Relation, Revision, Target, Txn,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;

use super::random::Step;

/// The most requests of a run.
const MAX_STEPS: usize = 60;

/// Random runs.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..MAX_STEPS)
}

/// Random runs in which the store is now and then closed and opened again.
pub fn steps_with_reopening() -> impl Strategy<Value = Vec<Step>> {
    vec(prop_oneof![12 => step(), 1 => Just(Step::Reopen)], 1..MAX_STEPS)
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = |range: std::ops::Range<u64>| range.prop_map(Duration::from_secs);
    prop_oneof![
        5 => put().prop_map(|put| Step::Txn(Txn { then: vec![Op::Put(put)], ..Txn::default() })),
        5 => txn().prop_map(Step::Txn),
        3 => range().prop_map(Step::Range),
        1 => (1..12_u64).prop_map(|back| Step::Compact(Revision::new(back))),
        3 => lease_op().prop_map(Step::Lease),
        2 => seconds(1..4).prop_map(Step::Wait),
        3 => (watched(), revision()).prop_map(|(keys, from)| Step::Watch(keys, from)),
        2 => any::<usize>().prop_map(Step::Drain),
        1 => any::<usize>().prop_map(Step::Resume),
    ]
}

/// Few keys, so that requests meet.
fn key() -> impl Strategy<Value = Key> {
    "[ab]{1,2}".prop_map(Key::from)
}

fn key_range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        key().prop_map(KeyRange::key),
        "[ab]{0,1}".prop_map(KeyRange::prefix),
        (key(), key()).prop_map(|(start, end)| KeyRange { start, end: Some(end) }),
        key().prop_map(|start| KeyRange { start, end: Some(Key::from("\0")) }),
    ]
}

/// Fewer ranges than that for watches, so that several watch the same.
fn watched() -> impl Strategy<Value = KeyRange> {
    let some = KeyRange { start: Key::from("ab"), end: Some(Key::from("b\0")) };
    let ranges = [KeyRange::prefix(""), KeyRange::prefix("a"), KeyRange::key("a"), some];
    Union::new(ranges.map(Just))
}

fn revision() -> impl Strategy<Value = Revision> {
    prop_oneof![2 => Just(0), 3 => 1..9_u64].prop_map(Revision::new)
}

fn value() -> impl Strategy<Value = Value> {
    "[xyz]{0,1}".prop_map(|text| Value::from_bytes(text.into_bytes()))
}

fn lease_id() -> impl Strategy<Value = LeaseId> {
    1..3_i64
}

fn range() -> impl Strategy<Value = Range> {
    (key_range(), revision(), 0..4_usize, any::<bool>()).prop_map(
        |(keys, revision, limit, count_only)| Range {
            revision,
            limit,
            count_only,
            ..Range::new(keys)
        },
    )
}

fn put() -> impl Strategy<Value = Put> {
    let lease = prop_oneof![
        6 => Just(Some(0)),
        2 => lease_id().prop_map(Some),
        1 => Just(None),
    ];
    let value = prop_oneof![6 => value().prop_map(Some), 1 => Just(None)];
    (key(), value, lease).prop_map(|(key, value, lease)| Put { key, value, lease })
}

fn compare() -> impl Strategy<Value = Compare> {
    let target = prop_oneof![
        (0..3_u64).prop_map(Target::Version),
        revision().prop_map(Target::CreateRevision),
        revision().prop_map(Target::ModRevision),
        value().prop_map(Target::Value),
        (0..3_i64).prop_map(Target::Lease),
    ];
    let relations = [Relation::Equal, Relation::NotEqual, Relation::Greater, Relation::Less];
    (key_range(), target, Union::new(relations.map(Just)))
        .prop_map(|(keys, target, relation)| Compare { keys, target, relation })
}

fn txn() -> impl Strategy<Value = Txn> {
    let plain = prop_oneof![
        2 => range().prop_map(Op::Range),
        5 => put().prop_map(Op::Put),
        2 => key_range().prop_map(Op::Delete),
    ];
    let of = |op: BoxedStrategy<Op>| {
        (vec(compare(), 0..2), vec(op.clone(), 0..4), vec(op, 0..3))
            .prop_map(|(compare, then, otherwise)| Txn { compare, then, otherwise })
    };
    let nested = plain.prop_recursive(2, 8, 3, move |inner| {
        of(inner).prop_map(|txn| Op::Txn(Box::new(txn))).boxed()
    });
    of(nested.boxed())
}

fn lease_op() -> impl Strategy<Value = LeaseOp> {
    let ttl = (0..8_u64).prop_map(|half| Duration::from_millis(1500 + 1000 * half));
    prop_oneof![
        6 => (lease_id(), ttl).prop_map(|(id, ttl)| LeaseOp::Grant { id, ttl }),
        1 => lease_id().prop_map(LeaseOp::KeepAlive),
        1 => lease_id().prop_map(LeaseOp::Revoke),
        1 => lease_id().prop_map(LeaseOp::Describe),
        1 => Just(LeaseOp::List),
    ]
}
