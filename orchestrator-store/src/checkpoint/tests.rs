use super::*;
use crate::disk::Files;
use crate::mvcc::{Command, Limits, Mvcc};
use crate::planted::Planted;
use bytes::Bytes;
use orchestrator_core::Value;
use orchestrator_core::store::{Op, Put, Txn};
use std::sync::Arc;
use std::time::Duration;

fn filled(keys: usize) -> Mvcc {
    let mut mvcc = Mvcc::new(Limits::default());
    for key in 0..keys {
        let put = Put::new(format!("k{key:05}"), Value::from_bytes(vec![b'v'; 1000]));
        let txn = Txn { then: vec![Op::Put(put)], ..Txn::default() };
        mvcc.apply(Command::Txn(txn), Duration::ZERO).unwrap();
    }
    mvcc
}

fn write(disk: &Arc<dyn Disk>, index: u64, mvcc: &Mvcc) -> u64 {
    let meta = Bytes::from("meta");
    let mut writing =
        Writing::begin(Arc::clone(disk), index, mvcc.fork(), meta, Planted::NONE).unwrap();
    while writing.step().unwrap() {}
    writing.written()
}

#[test]
fn a_checkpoint_loads_as_what_it_was_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(Files::new(folder.path()).unwrap());
    let mvcc = filled(6000);
    assert!(write(&disk, 17, &mvcc) > 6_000_000);
    write(&disk, 9, &filled(1));
    assert_eq!(list(&*disk).unwrap(), [9, 17]);
    let (loaded, meta) = load(&*disk, 17, Limits::default()).unwrap();
    assert_eq!((loaded.status(""), meta.as_ref()), (mvcc.status(""), &b"meta"[..]));
    remove(&*disk, &[9]).unwrap();
    assert_eq!(list(&*disk).unwrap(), [17]);
}

#[test]
fn a_damaged_checkpoint_is_refused_wherever_the_damage_is() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(Files::new(folder.path()).unwrap());
    let length = write(&disk, 1, &filled(200));
    let path = folder.path().join(name(1));
    let whole = std::fs::read(&path).unwrap();
    for place in [0, 5, 9, 70_000, length as usize - 1] {
        let mut damaged = whole.clone();
        damaged[place] ^= 8;
        std::fs::write(&path, damaged).unwrap();
        assert!(load(&*disk, 1, Limits::default()).is_err(), "damage at {place}");
    }
    for length in [0, 7, 65_000, length as usize - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = load(&*disk, 1, Limits::default()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { damage: crate::wal::Damage::Missing, .. }));
    }
}
