use super::*;
use crate::mvcc::{Applied, Command};
use bytes::{Bytes, BytesMut};
use orchestrator_core::Value;
use orchestrator_core::store::{
    Compare, Key, KeyRange, KeyValue, LeaseInfo, LeaseOp, Op, OpResult, Put, Range, RangeResponse,
    Relation, Revision, StoreError, Target, Txn, TxnResponse,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

fn key() -> impl Strategy<Value = Key> {
    vec(any::<u8>(), 0..6).prop_map(Key::from)
}

fn keys() -> impl Strategy<Value = KeyRange> {
    (key(), proptest::option::of(key())).prop_map(|(start, end)| KeyRange { start, end })
}

fn value() -> impl Strategy<Value = Value> {
    vec(any::<u8>(), 0..40).prop_map(Value::from_bytes)
}

fn revision() -> impl Strategy<Value = Revision> {
    any::<u64>().prop_map(Revision::new)
}

fn duration() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos))
}

fn kv() -> impl Strategy<Value = KeyValue> {
    (key(), value(), revision(), revision(), any::<u64>(), any::<i64>()).prop_map(
        |(key, value, create_revision, mod_revision, version, lease)| KeyValue {
            key,
            value,
            create_revision,
            mod_revision,
            version,
            lease,
        },
    )
}

fn compare() -> impl Strategy<Value = Compare> {
    let relation = proptest::sample::select(vec![
        Relation::Equal,
        Relation::NotEqual,
        Relation::Greater,
        Relation::Less,
    ]);
    let target = prop_oneof![
        any::<u64>().prop_map(Target::Version),
        revision().prop_map(Target::CreateRevision),
        revision().prop_map(Target::ModRevision),
        value().prop_map(Target::Value),
        any::<i64>().prop_map(Target::Lease),
    ];
    (keys(), target, relation).prop_map(|(keys, target, relation)| Compare {
        keys,
        target,
        relation,
    })
}

fn txn() -> impl Strategy<Value = Txn> {
    let range = (keys(), revision(), any::<usize>(), any::<bool>(), any::<bool>()).prop_map(
        |(keys, revision, limit, count_only, serializable)| {
            Op::Range(Range { keys, revision, limit, count_only, serializable })
        },
    );
    let put = (key(), proptest::option::of(value()), proptest::option::of(any::<i64>()))
        .prop_map(|(key, value, lease)| Op::Put(Put { key, value, lease }));
    let plain = prop_oneof![range, put, keys().prop_map(Op::Delete)];
    let of = |op: BoxedStrategy<Op>| {
        (vec(compare(), 0..3), vec(op.clone(), 0..4), vec(op, 0..3))
            .prop_map(|(compare, then, otherwise)| Txn { compare, then, otherwise })
    };
    let nested = plain.prop_recursive(3, 12, 3, move |inner| {
        of(inner).prop_map(|txn| Op::Txn(Box::new(txn))).boxed()
    });
    of(nested.boxed())
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        8 => txn().prop_map(Command::Txn),
        1 => (any::<i64>(), duration())
            .prop_map(|(id, ttl)| Command::Lease(LeaseOp::Grant { id, ttl })),
        1 => any::<i64>().prop_map(|id| Command::Lease(LeaseOp::KeepAlive(id))),
        1 => any::<i64>().prop_map(|id| Command::Lease(LeaseOp::Revoke(id))),
        1 => any::<i64>().prop_map(|id| Command::Lease(LeaseOp::Describe(id))),
        1 => Just(Command::Lease(LeaseOp::List)),
        1 => Just(Command::Expire),
        1 => revision().prop_map(Command::Compact),
    ]
}

fn result() -> impl Strategy<Value = OpResult> {
    let found = (revision(), vec(kv(), 0..3), any::<u64>(), any::<bool>()).prop_map(
        |(revision, kvs, count, more)| {
            OpResult::Range(RangeResponse { revision, kvs, count, more })
        },
    );
    let plain = prop_oneof![
        found,
        proptest::option::of(kv()).prop_map(|prev| OpResult::Put { prev }),
        vec(kv(), 0..3).prop_map(|prev| OpResult::Delete { prev }),
    ];
    plain.prop_recursive(3, 12, 3, |inner| {
        (revision(), any::<bool>(), vec(inner, 0..3)).prop_map(|(revision, succeeded, results)| {
            OpResult::Txn(TxnResponse { revision, succeeded, results })
        })
    })
}

fn answer() -> impl Strategy<Value = Applied> {
    let lease = (any::<i64>(), duration(), duration(), vec(key(), 0..3))
        .prop_map(|(id, ttl, remaining, keys)| LeaseInfo { id, ttl, remaining, keys });
    prop_oneof![
        (revision(), any::<bool>(), vec(result(), 0..3)).prop_map(
            |(revision, succeeded, results)| {
                Applied::Txn(TxnResponse { revision, succeeded, results })
            }
        ),
        vec(lease, 0..3).prop_map(Applied::Leases),
        Just(Applied::Done),
    ]
}

fn encoded(command: &Command, at: Duration) -> Bytes {
    let mut out = BytesMut::new();
    encode_command(command, at, &mut out);
    out.freeze()
}

fn answered(answer: &Result<Applied, StoreError>) -> Bytes {
    let mut out = BytesMut::new();
    encode_answer(answer, &mut out);
    out.freeze()
}

proptest! {
    #[test]
    fn a_command_decodes_to_itself_and_in_no_part(command in command(), at in duration()) {
        let bytes = encoded(&command, at);
        for decode in [decode_command, decode_command_apart] {
            prop_assert_eq!(decode(bytes.clone()).unwrap(), (command.clone(), at));
        }
        for end in 0..bytes.len() {
            let error = decode_command(bytes.slice(..end)).unwrap_err();
            prop_assert_eq!(error.problem, WireProblem::Short);
        }
        let longer = Bytes::from([&bytes[..], b"x"].concat());
        let error = decode_command(longer).unwrap_err();
        prop_assert_eq!(error, WireError { offset: bytes.len(), problem: WireProblem::Long });
    }

    #[test]
    fn an_answer_decodes_to_itself(answer in answer()) {
        let bytes = answered(&Ok(answer.clone()));
        prop_assert_eq!(decode_answer(bytes.clone()).unwrap().unwrap(), answer);
        for end in 0..bytes.len() {
            prop_assert!(decode_answer(bytes.slice(..end)).is_err());
        }
    }

    #[test]
    fn changed_bytes_are_refused_or_mean_something_else(
        command in command(),
        at in duration(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encoded(&command, at).to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        fuzzing::fuzz_command(&bytes);
        fuzzing::fuzz_answer(&bytes);
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..80)) {
        let with_version = [&[VERSION][..], &bytes].concat();
        for bytes in [bytes, with_version] {
            fuzzing::fuzz_command(&bytes);
            fuzzing::fuzz_answer(&bytes);
        }
    }
}

#[test]
fn errors_keep_what_they_say() {
    let revision = Revision::new(7);
    let errors = [
        StoreError::Compacted { wanted: revision, oldest: Revision::new(9) },
        StoreError::Future { wanted: revision, newest: Revision::new(5) },
        StoreError::Invalid("duplicate key given in txn request"),
        StoreError::KeyNotFound,
        StoreError::TooLarge { bytes: 5, max: 3 },
        StoreError::LeaseNotFound(-1),
        StoreError::LeaseExists(i64::MAX),
        StoreError::NoSpace,
        StoreError::Unavailable("the leader left".into()),
        StoreError::Unknown("no answer".into()),
    ];
    for error in errors {
        let shown = format!("{error:?}");
        let decoded = decode_answer(answered(&Err(error))).unwrap().unwrap_err();
        assert_eq!(format!("{decoded:?}"), shown);
    }
    let unheard_of = Err(StoreError::Invalid("a reason of tomorrow"));
    let decoded = decode_answer(answered(&unheard_of)).unwrap().unwrap_err();
    assert_eq!(decoded.to_string(), "invalid request: the request breaks a rule");
}

#[test]
fn depth_counts_and_numbers_are_bounded() {
    let deep = (0..20).fold(Txn::default(), |inner, _| Txn {
        then: vec![Op::Txn(Box::new(inner))],
        ..Txn::default()
    });
    let bytes = encoded(&Command::Txn(deep), Duration::ZERO);
    assert_eq!(decode_command(bytes).unwrap_err().problem, WireProblem::Depth);
    let problem = |bytes: &[u8]| decode_command(Bytes::copy_from_slice(bytes)).unwrap_err().problem;
    let with = |rest: &[u8]| problem(&[&[VERSION][..], &[0; 12], rest].concat());
    assert_eq!(with(&[0, 0xff, 0xff, 0xff, 0xff, 0x0f]), WireProblem::Short);
    assert_eq!(problem(&[2]), WireProblem::Version);
    assert_eq!(problem(&[VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff]), WireProblem::Number);
    assert_eq!(with(&[3, 0x80, 0]), WireProblem::Number);
    assert_eq!(with(&[&[3][..], &[0xff; 10]].concat()), WireProblem::Number);
    assert_eq!(with(&[9]), WireProblem::Tag);
}

#[test]
fn the_time_of_a_command_can_be_told_last() {
    let mut bytes = BytesMut::new();
    encode_command(&Command::Expire, Duration::ZERO, &mut bytes);
    let at = Duration::new(u64::MAX, 999_999_999);
    restamp(&mut bytes, at);
    assert_eq!(decode_command(bytes.freeze()).unwrap(), (Command::Expire, at));
}

#[test]
fn only_a_large_value_shares_its_buffer() {
    let shares = |size: usize, apart: bool| {
        let put = Put::new("key", Value::from_bytes(vec![b'v'; size]));
        let txn =
            Txn { then: vec![Op::Put(put), Op::Delete(KeyRange::key("x"))], ..Txn::default() };
        let bytes = encoded(&Command::Txn(txn), Duration::ZERO);
        let decode = if apart { decode_command_apart } else { decode_command };
        let (Command::Txn(txn), _) = decode(bytes.clone()).unwrap() else { unreachable!() };
        let Op::Put(Put { value: Some(value), .. }) = &txn.then[0] else { unreachable!() };
        bytes.as_ptr_range().contains(&value.bytes().as_ptr())
    };
    assert!(shares(1000, false) && !shares(2, false) && !shares(1000, true));
}
