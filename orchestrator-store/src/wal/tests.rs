use super::*;
use crate::disk::Files;
use crate::planted::Planted;
use proptest::prelude::*;
use std::os::unix::fs::FileExt;
use tempfile::TempDir;

const CLUSTER: u64 = 7;

/// A folder with a log in segments of 4 KiB.
struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(Files::new(self.folder.path()).unwrap())
    }

    fn open(&self) -> Result<(Wal, Recovered, Vec<Entry>), OpenError> {
        let mut entries = Vec::new();
        let options = Options::new(CLUSTER, 99).segment_bytes(4096);
        let (wal, recovered) = Wal::open_with(self.disk(), options, |entry| entries.push(entry))?;
        Ok((wal, recovered, entries))
    }

    /// What opening finds: the entries as `index:payload-bytes`, or why it fails.
    fn show(&self) -> String {
        match self.open() {
            Ok((.., entries)) => show(&entries),
            Err(error) => error.to_string(),
        }
    }

    fn segments(&self) -> Vec<String> {
        let names = self.disk().list().unwrap();
        names.into_iter().filter(|name| segment::sequence(name).is_some()).collect()
    }

    fn change(&self, name: &str, change: impl FnOnce(&std::fs::File)) {
        let path = self.folder.path().join(name);
        change(&std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap());
    }

    /// Flips a bit at `offset` of a segment.
    fn damage(&self, name: &str, offset: u64) {
        self.change(name, |file| {
            let mut byte = [0];
            file.read_exact_at(&mut byte, offset).unwrap();
            file.write_all_at(&[byte[0] ^ 4], offset).unwrap();
        });
    }
}

fn show(entries: &[Entry]) -> String {
    let shown = entries.iter().map(|entry| format!("{}:{}", entry.index, entry.payload.len()));
    shown.collect::<Vec<_>>().join(" ")
}

fn entry(index: u64, term: u64, bytes: usize) -> Entry {
    Entry { term, index, kind: 1, payload: Bytes::from(vec![index as u8 | 1; bytes]) }
}

/// Appends entries of `sizes` and syncs.
fn append(wal: &mut Wal, sizes: &[usize]) {
    let next = wal.next_index();
    let entries: Vec<_> = (next..).zip(sizes).map(|(index, size)| entry(index, 1, *size)).collect();
    wal.append(&entries).unwrap();
    wal.sync().unwrap();
}

#[test]
fn entries_are_there_after_reopening_and_can_be_read_back() {
    let folder = Folder::new();
    let (mut wal, recovered, _) = folder.open().unwrap();
    assert_eq!((recovered.first, recovered.next), (1, 1));
    append(&mut wal, &[0, 10, 2000]);
    append(&mut wal, &[2000, 5, 9000, 1]);
    assert_eq!(wal.read(1..8, usize::MAX).unwrap().len(), 7);
    assert_eq!(show(&wal.read(2..6, 60).unwrap()), "2:10");
    assert_eq!(show(&wal.read(0..99, 3000).unwrap()), "1:0 2:10 3:2000");
    assert_eq!((wal.term(7).unwrap(), wal.term(8).unwrap()), (Some(1), None));
    drop(wal);
    let (mut wal, recovered, entries) = folder.open().unwrap();
    assert_eq!((recovered.next, recovered.last_term, recovered.torn_bytes), (8, 1, 0));
    assert_eq!(show(&entries), "1:0 2:10 3:2000 4:2000 5:5 6:9000 7:1");
    append(&mut wal, &[3]);
    assert_eq!(folder.show(), "1:0 2:10 3:2000 4:2000 5:5 6:9000 7:1 8:3");
}

#[test]
fn segments_of_entries_that_are_not_needed_are_passed_over_but_must_be_there() {
    let folder = Folder::new();
    let (mut wal, ..) = folder.open().unwrap();
    append(&mut wal, &[3000; 8]);
    drop(wal);
    let open_after = |after| {
        let mut entries = Vec::new();
        let options = Options::new(CLUSTER, 99).segment_bytes(4096);
        let opened = Wal::open_after(folder.disk(), options, after, |entry| entries.push(entry));
        opened.map(|(wal, recovered)| (wal, recovered, show(&entries)))
    };
    folder.damage(&folder.segments()[0], 100);
    assert!(open_after(0).is_err(), "the damage is in the first segment");
    let (mut wal, recovered, shown) = open_after(5).unwrap();
    assert_eq!((recovered.first, recovered.next), (1, 9));
    assert_eq!(shown, "6:3000 7:3000 8:3000");
    let refused = wal.read(2..3, 9).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
    append(&mut wal, &[1]);
    assert_eq!(show(&wal.read(8..10, 9999).unwrap()), "8:3000 9:1");
    assert_eq!((wal.purge_to(4).unwrap(), wal.next_index()), (5, 10));
    drop(wal);
    std::fs::remove_file(folder.folder.path().join(&folder.segments()[1])).unwrap();
    assert!(open_after(7).is_err(), "a missing one is noticed");
}

#[test]
fn a_torn_end_is_cut_off_and_stays_cut_off() {
    let folder = Folder::new();
    let (mut wal, ..) = folder.open().unwrap();
    append(&mut wal, &[10, 10]);
    append(&mut wal, &[50, 50, 50]);
    let place = wal.last().place(4).unwrap();
    drop(wal);
    folder.damage(&folder.segments()[0], place + 40);
    let (mut wal, recovered, entries) = folder.open().unwrap();
    assert_eq!(show(&entries), "1:10 2:10 3:50");
    assert_eq!((recovered.next, recovered.torn_bytes), (4, 2 * (36 + 50)));
    append(&mut wal, &[50]);
    assert_eq!(folder.show(), "1:10 2:10 3:50 4:50");
}

#[test]
fn damage_that_was_synced_is_refused_with_its_place() {
    let folder = Folder::new();
    let (mut wal, ..) = folder.open().unwrap();
    append(&mut wal, &[10]);
    append(&mut wal, &[10]);
    append(&mut wal, &[10]);
    drop(wal);
    let name = &folder.segments()[0];
    folder.damage(name, 64 + 46 + 40);
    assert_eq!(folder.show(), format!("{name} is damaged at byte 110: bad frame before good ones"));
    folder.damage(name, 64 + 46 + 40);
    folder.damage(name, 3);
    assert_eq!(folder.show(), format!("{name} is damaged at byte 0: bad header"));
}

#[test]
fn a_missing_or_damaged_segment_in_the_middle_is_refused() {
    let folder = Folder::new();
    let (mut wal, ..) = folder.open().unwrap();
    (0..6).for_each(|_| append(&mut wal, &[3000]));
    drop(wal);
    let names = folder.segments();
    folder.damage(&names[2], 1000);
    assert!(folder.show().ends_with("damaged at byte 64: bad frame before good ones"));
    folder.damage(&names[2], 1000);
    let path = folder.folder.path().join(&names[2]);
    let kept = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(folder.show().ends_with("a part of the log is missing"), "{}", folder.show());
    std::fs::write(&path, kept).unwrap();
    assert_eq!(folder.open().unwrap().1.next, 7);
}

#[test]
fn the_log_of_another_cluster_is_refused() {
    let folder = Folder::new();
    drop(folder.open().unwrap());
    let other = Wal::open(folder.disk(), Options::new(8, 0)).unwrap_err();
    assert!(matches!(other, OpenError::Foreign { found: CLUSTER, wanted: 8, .. }));
}

#[test]
fn purging_frees_whole_segments_and_the_rest_stays() {
    let folder = Folder::new();
    let (mut wal, ..) = folder.open().unwrap();
    (0..6).for_each(|_| append(&mut wal, &[1500]));
    assert_eq!(folder.segments().len(), 3);
    assert_eq!(wal.purge_to(3).unwrap(), 3);
    assert_eq!(folder.segments().len(), 2);
    assert_eq!(wal.purge_to(99).unwrap(), 5);
    assert_eq!(show(&wal.read(1..9, 9999).unwrap()), "5:1500 6:1500");
    drop(wal);
    assert_eq!(folder.show(), "5:1500 6:1500");
}

#[test]
fn a_reset_log_begins_anywhere() {
    let folder = Folder::new();
    let (mut wal, ..) = folder.open().unwrap();
    wal.append(&[entry(100, 3, 5)]).unwrap();
    wal.sync().unwrap();
    assert_eq!((wal.first_index(), wal.next_index()), (100, 101));
    wal.reset(500).unwrap();
    append(&mut wal, &[7]);
    drop(wal);
    assert_eq!((folder.show().as_str(), folder.segments().len()), ("500:7", 1));
}

#[test]
fn a_failed_write_ends_the_log_for_good_and_a_full_disk_does_not() {
    let folder = Folder::new();
    let (mut wal, ..) = folder.open().unwrap();
    append(&mut wal, &[10]);
    assert!(wal.has_reserve());
    wal.failed = true;
    for outcome in [wal.append(&[entry(2, 1, 1)]), wal.sync(), wal.truncate_after(0)] {
        assert_eq!(outcome.unwrap_err().to_string(), "the log has failed before");
    }
}

#[test]
fn a_record_is_replaced_as_a_whole_and_damage_is_told() {
    let folder = Folder::new();
    let disk = folder.disk();
    assert_eq!(load_record(&*disk, "vote").unwrap(), None);
    store_record(&*disk, "vote", b"first", Planted::NONE).unwrap();
    store_record(&*disk, "vote", b"2", Planted::NONE).unwrap();
    assert_eq!(load_record(&*disk, "vote").unwrap().unwrap(), "2");
    folder.damage("vote", 16);
    assert!(load_record(&*disk, "vote").is_err());
}

/// What a step of a random run does.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<usize>),
    Truncate(u64),
    Purge(u64),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => proptest::collection::vec(0..1500_usize, 1..5).prop_map(Step::Append),
        2 => (0..8_u64).prop_map(Step::Truncate),
        1 => (0..12_u64).prop_map(Step::Purge),
        2 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// After any appends, cuts, purges and reopenings the log holds what a list would.
    #[test]
    fn a_log_is_a_list(steps in proptest::collection::vec(step(), 1..25)) {
        let folder = Folder::new();
        let mut wal = folder.open().unwrap().0;
        let mut model: Vec<Entry> = Vec::new();
        let mut term = 1;
        for step in steps {
            let next = model.last().map_or(wal.next_index(), |entry| entry.index + 1);
            match step {
                Step::Append(sizes) => {
                    let new = (next..).zip(sizes).map(|(index, size)| entry(index, term, size));
                    let new: Vec<_> = new.collect();
                    wal.append(&new).unwrap();
                    wal.sync().unwrap();
                    model.extend(new);
                }
                Step::Truncate(back) => {
                    let index = next.saturating_sub(1 + back).max(wal.first_index());
                    wal.truncate_after(index).unwrap();
                    model.retain(|entry| entry.index <= index);
                    term += 1;
                }
                Step::Purge(back) => {
                    let first = wal.purge_to(next.saturating_sub(1 + back)).unwrap();
                    model.retain(|entry| entry.index >= first);
                }
                Step::Reopen => {
                    drop(wal);
                    let (again, _, entries) = folder.open().unwrap();
                    prop_assert_eq!(&entries, &model);
                    wal = again;
                }
            }
            prop_assert_eq!(&wal.read(0..u64::MAX, usize::MAX).unwrap(), &model);
        }
    }
}
