use super::*;
use crate::disk::{Disk, DiskFile};

fn read_all(disk: &SimDisk, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(name, false)?;
    let mut bytes = vec![0; usize::try_from(file.size()?).unwrap()];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

fn durable(disk: &SimDisk, name: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
    let file = disk.open(name, true).unwrap();
    file.write_at(0, bytes).unwrap();
    file.sync().unwrap();
    disk.sync_dir().unwrap();
    file
}

#[test]
fn what_was_made_safe_survives_every_crash() {
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        let file = durable(&disk, "a", b"safe");
        file.write_at(4, &[1; 2000]).unwrap();
        disk.open("b", true).unwrap().write_at(0, b"unsafe").unwrap();
        disk.crash();
        assert!(file.write_at(0, b"dead").is_err() && disk.list().is_err());
        disk.restart();
        assert!(file.sync().is_err(), "a handle from before the crash is dead");
        assert_eq!(&read_all(&disk, "a").unwrap()[..4], b"safe");
    }
}

#[test]
fn a_file_whose_name_was_not_synced_is_sometimes_lost_and_sometimes_not() {
    let survives = |seed| {
        let disk = SimDisk::new(seed);
        let file = disk.open("a", true).unwrap();
        file.write_at(0, b"x").unwrap();
        file.sync().unwrap();
        disk.crash();
        disk.restart();
        disk.list().unwrap() == ["a"]
    };
    let survivors = (0..100).filter(|seed| survives(*seed)).count();
    assert!((20..80).contains(&survivors), "{survivors} of 100");
}

#[test]
fn a_crash_comes_at_the_call_of_its_number() {
    let disk = SimDisk::new(1);
    let file = durable(&disk, "a", b"old");
    disk.plan(DiskFault::Crash(2));
    file.write_at(0, b"new").unwrap();
    assert!(file.sync().is_err());
    assert!(disk.is_crashed());
    disk.restart();
    assert!(matches!(&read_all(&disk, "a").unwrap()[..], b"old" | b"new"));
}

#[test]
fn a_killed_process_leaves_its_writes_and_its_lock() {
    let disk = SimDisk::new(1);
    let file = durable(&disk, "a", b"old");
    let _held = disk.lock().unwrap();
    assert_eq!(disk.lock().err().unwrap().kind(), io::ErrorKind::WouldBlock);
    file.write_at(0, b"new").unwrap();
    disk.kill();
    assert!(file.sync().is_err());
    let _held = disk.lock().unwrap();
    assert_eq!(read_all(&disk, "a").unwrap(), b"new");
}

#[test]
fn a_full_disk_takes_what_is_reserved_and_no_more() {
    let disk = SimDisk::new(1);
    let file = disk.open("a", true).unwrap();
    disk.plan(DiskFault::Room(Some(1000)));
    file.set_len(800, true).unwrap();
    file.write_at(0, &[1; 800]).unwrap();
    let other = disk.open("b", true).unwrap();
    assert_eq!(other.write_at(0, &[1; 300]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    disk.plan(DiskFault::Room(None));
    other.write_at(0, &[1; 300]).unwrap();
}

#[test]
fn calls_fail_once_when_told_to() {
    let disk = SimDisk::new(1);
    let file = durable(&disk, "a", b"old");
    disk.plan(DiskFault::FailSync(1));
    disk.plan(DiskFault::FailRead(1));
    disk.plan(DiskFault::FailWrite(2));
    assert!(file.sync().is_err() && file.sync().is_ok());
    assert!(read_all(&disk, "a").is_err() && read_all(&disk, "a").is_ok());
    assert!(file.write_at(0, b"a").is_ok() && file.write_at(0, b"a").is_err());
}

#[test]
fn a_flipped_bit_is_in_what_was_safe_long_enough() {
    let disk = SimDisk::new(1);
    let file = durable(&disk, "a", &[7; 1024]);
    assert!(!disk.plan(DiskFault::Flip(1)), "nothing is that old");
    file.write_at(1024, &[7; 512]).unwrap();
    file.sync().unwrap();
    assert!(disk.plan(DiskFault::Flip(1)));
    let bytes = read_all(&disk, "a").unwrap();
    assert!(bytes[..1024].iter().any(|byte| *byte != 7));
    assert!(bytes[1024..].iter().all(|byte| *byte == 7));
}

#[test]
fn equal_seeds_and_calls_give_equal_disks() {
    let run = || {
        let disk = SimDisk::new(3);
        let file = durable(&disk, "a", &[1; 5000]);
        file.write_at(100, &[2; 4000]).unwrap();
        disk.crash();
        disk.restart();
        (read_all(&disk, "a").unwrap(), disk.digest())
    };
    assert_eq!(run(), run());
}
