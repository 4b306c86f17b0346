//! The bytes of one simulated file: what the program sees, and what would be there after a crash.
//!
//! What the program sees is one vector. For each sector that was changed and not synced, the bytes
//! that are safe are kept beside it. A sync forgets these; a crash puts some of them back.

use std::collections::{BTreeMap, BTreeSet};

/// The unit that a disk writes whole or not at all.
pub(super) const SECTOR: usize = 512;

/// A sector's bytes before it was changed.
type Saved = Box<[u8; SECTOR]>;

/// One file, whatever its names are.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// What the program sees.
    content: Vec<u8>,
    /// The length that is safe.
    safe_len: usize,
    /// The safe bytes of sectors that are changed and not synced.
    dirty: BTreeMap<usize, Saved>,
    /// The safe bytes of sectors whose change a failed sync gave up.
    given_up: BTreeMap<usize, Saved>,
    /// In which sync each sector was last made safe.
    synced_in: BTreeMap<usize, u64>,
    syncs: u64,
    /// Bytes taken from the disk.
    pub(super) allocated: u64,
}

impl Inode {
    pub(super) fn len(&self) -> usize {
        self.content.len()
    }

    pub(super) fn read(&self, offset: usize, into: &mut [u8]) -> usize {
        let found = self.content.get(offset..).unwrap_or_default();
        let length = found.len().min(into.len());
        into[..length].copy_from_slice(&found[..length]);
        length
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        for sector in offset / SECTOR..end.div_ceil(SECTOR) {
            self.soil(sector);
        }
        if end > self.content.len() {
            self.content.resize(end, 0);
        }
        self.content[offset..end].copy_from_slice(bytes);
        self.allocated = self.allocated.max(end as u64);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        for sector in len / SECTOR..self.content.len().div_ceil(SECTOR) {
            self.soil(sector);
        }
        self.content.resize(len, 0);
    }

    /// Makes everything safe.
    pub(super) fn sync(&mut self) {
        self.syncs += 1;
        for sector in std::mem::take(&mut self.dirty).into_keys() {
            self.synced_in.insert(sector, self.syncs);
        }
        self.safe_len = self.content.len();
    }

    /// Fails to make things safe: sectors that `kept` refuses are given up, and look clean.
    pub(super) fn fail_sync(&mut self, mut kept: impl FnMut() -> bool) {
        self.syncs += 1;
        for (sector, saved) in std::mem::take(&mut self.dirty) {
            if kept() {
                self.synced_in.insert(sector, self.syncs);
            } else {
                self.given_up.insert(sector, saved);
            }
        }
    }

    /// Loses power: of what is not safe, the system happened to write what `kept` says, in units
    /// of `unit` sectors. Returns how many sectors it did not write.
    pub(super) fn crash(&mut self, unit: usize, mut kept: impl FnMut() -> bool) -> u64 {
        let seen = self.content.len();
        let len = if seen == self.safe_len || kept() { seen } else { self.safe_len };
        let mut decided = BTreeMap::new();
        let mut lost = std::mem::take(&mut self.given_up);
        for (sector, saved) in std::mem::take(&mut self.dirty) {
            let cut_off = sector * SECTOR >= seen;
            if cut_off || !*decided.entry(sector / unit).or_insert_with(&mut kept) {
                lost.insert(sector, saved);
            }
        }
        self.content.resize(len.max(seen), 0);
        let count = lost.len() as u64;
        for (sector, saved) in lost {
            let start = sector * SECTOR;
            if start < self.content.len() {
                let end = self.content.len().min(start + SECTOR);
                self.content[start..end].copy_from_slice(&saved[..end - start]);
            }
        }
        self.content.truncate(len);
        self.safe_len = len;
        count
    }

    /// Sectors whose bytes were safe before the last `syncs` syncs, and hold something.
    pub(super) fn settled(&self, syncs: u64) -> BTreeSet<usize> {
        let old = |sector: &usize, sync: u64| {
            sync + syncs <= self.syncs
                && !self.dirty.contains_key(sector)
                && (sector + 1) * SECTOR <= self.content.len()
        };
        let sectors = self.synced_in.iter().filter(|(sector, sync)| old(sector, **sync));
        sectors.map(|(sector, _)| *sector).collect()
    }

    /// Changes one bit of what is safe, behind everybody's back.
    pub(super) fn flip(&mut self, byte: usize, bit: u8) {
        self.content[byte] ^= 1 << bit;
    }

    /// Keeps the safe bytes of `sector`, which is about to change.
    fn soil(&mut self, sector: usize) {
        if self.dirty.contains_key(&sector) {
            return;
        }
        let saved = self.given_up.remove(&sector).unwrap_or_else(|| {
            let mut saved = Box::new([0; SECTOR]);
            self.read(sector * SECTOR, &mut saved[..]);
            saved
        });
        self.dirty.insert(sector, saved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(inode: &Inode) -> String {
        let mut bytes = vec![0; inode.len()];
        inode.read(0, &mut bytes);
        bytes.chunks(SECTOR).map(|sector| char::from(sector[0])).collect()
    }

    fn write(inode: &mut Inode, sector: usize, letter: u8) {
        inode.write(sector * SECTOR, &[letter; SECTOR]);
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_is_at_the_mercy_of_the_crash() {
        let mut inode = Inode::default();
        write(&mut inode, 0, b'a');
        write(&mut inode, 1, b'b');
        inode.sync();
        write(&mut inode, 1, b'B');
        write(&mut inode, 2, b'c');
        assert_eq!(text(&inode), "aBc");
        let after = |fates: &[bool]| {
            let mut fates = fates.iter().copied();
            let mut copy = inode.clone();
            copy.crash(1, || fates.next().expect("a fate for each question"));
            text(&copy)
        };
        // The length first, then each sector.
        assert_eq!(after(&[true, true, true]), "aBc");
        assert_eq!(after(&[true, false, true]), "abc");
        assert_eq!(after(&[true, true, false]), "aB\0");
        assert_eq!(after(&[false, true, true]), "aB");
        assert_eq!(after(&[false, false, false]), "ab");
    }

    #[test]
    fn a_larger_unit_has_one_fate() {
        let mut inode = Inode::default();
        (0..4).for_each(|sector| write(&mut inode, sector, b'x'));
        let mut asked = 0;
        inode.crash(4, || {
            asked += 1;
            true
        });
        assert_eq!((text(&inode).as_str(), asked), ("xxxx", 2));
    }

    #[test]
    fn a_truncation_that_was_not_synced_may_be_undone_with_the_bytes_that_were_there() {
        let mut inode = Inode::default();
        (0..3).for_each(|sector| write(&mut inode, sector, b'x'));
        inode.sync();
        inode.set_len(SECTOR);
        let (mut undone, mut done) = (inode.clone(), inode);
        undone.crash(1, || false);
        done.crash(1, || true);
        assert_eq!((text(&undone).as_str(), text(&done).as_str()), ("xxx", "x"));
    }

    #[test]
    fn what_a_failed_sync_gave_up_looks_clean_and_is_lost_in_a_crash() {
        let mut inode = Inode::default();
        write(&mut inode, 0, b'a');
        inode.sync();
        write(&mut inode, 0, b'b');
        inode.fail_sync(|| false);
        assert_eq!(text(&inode), "b");
        inode.sync();
        inode.crash(1, || true);
        assert_eq!(text(&inode), "a");
    }

    #[test]
    fn a_sector_settles_after_some_syncs_without_a_change() {
        let mut inode = Inode::default();
        write(&mut inode, 0, b'a');
        inode.sync();
        assert!(inode.settled(1).is_empty());
        write(&mut inode, 1, b'b');
        inode.sync();
        assert_eq!(inode.settled(1), BTreeSet::from([0]));
    }
}
