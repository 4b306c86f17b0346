use super::*;
use crate::mvcc::{Command, Limits, Mvcc};
use bytes::{Bytes, BytesMut};
use orchestrator_core::Value;
use orchestrator_core::store::{KeyRange, LeaseOp, Op, Put, Range, Revision, Txn};
use proptest::prelude::*;
use std::time::Duration;

const S: Duration = Duration::from_secs(1);

fn image(mvcc: &Mvcc, meta: &str) -> Bytes {
    let blocks = export(mvcc.fork(), Bytes::copy_from_slice(meta.as_bytes()));
    blocks
        .fold(BytesMut::new(), |mut all, block| {
            all.extend_from_slice(&block);
            all
        })
        .freeze()
}

/// Reads an image in pieces of `piece` bytes.
fn import(image: &Bytes, piece: usize) -> Result<(Mvcc, Bytes), ImageError> {
    let mut importer = Importer::new(Limits::default());
    for start in (0..image.len()).step_by(piece) {
        importer.push(image.slice(start..image.len().min(start + piece)))?;
    }
    importer.finish()
}

/// Everything that can be seen of a state machine.
fn seen(mvcc: &Mvcc) -> String {
    let mut shown = format!("{:?} {:?}\n", mvcc.status(""), mvcc.leases().list(S));
    for revision in (mvcc.floor().get()..=mvcc.revision().get()).map(Revision::new) {
        let range = Range { revision, ..Range::new(KeyRange::prefix("")) };
        shown += &format!("{:?}\n{:?}\n", mvcc.range(&range).unwrap().kvs, mvcc.events(revision));
    }
    shown
}

fn put(key: u8, lease: i64, text: &str) -> Op {
    let value = Value::from_bytes(text.as_bytes().to_vec());
    Op::Put(Put { key: vec![b'k', key].into(), value: Some(value), lease: Some(lease) })
}

fn command() -> impl Strategy<Value = Command> {
    let op = prop_oneof![
        4 => (0..6_u8, 0..3_i64, "[xy]{0,3}").prop_map(|(key, lease, text)| put(key, lease, &text)),
        1 => (0..6_u8).prop_map(|key| Op::Delete(KeyRange::key(vec![b'k', key]))),
    ];
    prop_oneof![
        8 => proptest::collection::vec(op, 1..3)
            .prop_map(|then| Command::Txn(Txn { then, ..Txn::default() })),
        2 => (0..3_i64, 1..9_u32).prop_map(|(id, ttl)| {
            Command::Lease(LeaseOp::Grant { id, ttl: ttl * S })
        }),
        1 => (1..3_i64).prop_map(|id| Command::Lease(LeaseOp::Revoke(id))),
        1 => Just(Command::Expire),
        1 => (1..20_u64).prop_map(|revision| Command::Compact(Revision::new(revision))),
    ]
}

proptest! {
    /// What an image makes cannot be told from what it was made of, also not by what it does next.
    #[test]
    fn an_image_carries_everything(
        before in proptest::collection::vec(command(), 0..40),
        after in proptest::collection::vec(command(), 0..10),
        piece in 1..500_usize,
    ) {
        let mut mvcc = Mvcc::new(Limits::default());
        for (at, command) in (0_u32..).zip(before) {
            let _ = mvcc.apply(command, at * S / 4);
        }
        let (mut copy, meta) = import(&image(&mvcc, "meta"), piece).unwrap();
        prop_assert_eq!(meta, "meta");
        prop_assert_eq!(seen(&copy), seen(&mvcc));
        for command in after {
            let answers = [&mut mvcc, &mut copy].map(|mvcc| mvcc.apply(command.clone(), 20 * S));
            prop_assert_eq!(format!("{:?}", answers[0]), format!("{:?}", answers[1]));
        }
        prop_assert_eq!(seen(&copy), seen(&mvcc));
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        fuzzing::fuzz_image(&bytes);
        fuzzing::fuzz_records(&bytes);
    }

    /// Records that are changed behind the back of the checksum are survived too.
    #[test]
    fn changed_records_are_survived(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut records = large().slice(block::HEADER..2000).to_vec();
        let place = place.index(records.len());
        records[place] = byte;
        fuzzing::fuzz_records(&records);
    }
}

/// An image of several blocks.
fn large() -> Bytes {
    let mut mvcc = Mvcc::new(Limits::default());
    for key in 0..40 {
        let txn = Txn { then: vec![put(key, 0, &"x".repeat(4000))], ..Txn::default() };
        mvcc.apply(Command::Txn(txn), S).unwrap();
    }
    image(&mvcc, "")
}

#[test]
fn damage_reordering_and_a_missing_end_are_told() {
    let whole = large();
    assert!(whole.len() > 2 * block::FULL_BYTES);
    assert!(import(&whole, 4096).is_ok());
    for end in [0, 1, 100, whole.len() - 1] {
        let cut = import(&whole.slice(..end), 4096);
        assert!(matches!(cut, Err(ImageError::Incomplete)), "{end}");
    }
    let mut damaged = whole.to_vec();
    damaged[block::FULL_BYTES + 5000] ^= 1;
    let damaged = import(&damaged.into(), 4096);
    assert!(matches!(damaged, Err(ImageError::Damaged { block: 1 })));
    let second = whole.slice(first_block(&whole)..);
    assert!(matches!(import(&second, 4096), Err(ImageError::Damaged { block: 0 })));
    let longer = Bytes::from([&whole[..], b"x"].concat());
    assert!(matches!(import(&longer, 4096), Err(ImageError::Incomplete)));
}

fn first_block(image: &Bytes) -> usize {
    block::HEADER + u32::from_le_bytes(image[..4].try_into().unwrap()) as usize
}
