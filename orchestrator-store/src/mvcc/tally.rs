//! How many keys of a range came and went since a revision, without looking at all that did.
//!
//! The comings and goings are kept in blocks. A full block is sorted by key and has their sums, so
//! that it tells of any range by two searches. Some blocks that follow each other become a larger
//! one, once: then there are few, and no write pays for more than a fraction of a millisecond.
//! Only the block that a revision divides is looked through.

use std::sync::Arc;

use imbl::Vector;
use orchestrator_core::store::{Key, KeyRange, Revision};

/// How many comings and goings make a block: as many as are looked through in some microseconds.
const BLOCK: usize = if cfg!(test) { 3 } else { 512 };

/// How many blocks make a larger one.
const MERGED: usize = if cfg!(test) { 2 } else { 8 };

/// The comings and goings of keys, of revisions in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    blocks: Vector<Arc<Block>>,
    /// What makes no block yet, oldest first.
    open: Arc<Vec<Change>>,
}

/// A key that came or went.
#[derive(Clone, Debug)]
struct Change {
    key: Key,
    revision: Revision,
    came: bool,
}

/// Changes by key.
#[derive(Debug)]
struct Block {
    oldest: Revision,
    newest: Revision,
    changes: Box<[Change]>,
    /// How many more came than went, up to each change.
    sums: Box<[i32]>,
    /// What it was merged of, oldest first; nothing in a small one.
    parts: Box<[Arc<Block>]>,
}

impl Tally {
    /// Notes a key that came or went at `revision`, which is not older than any noted.
    pub(super) fn note(&mut self, revision: Revision, key: &Key, came: bool) {
        let open = Arc::make_mut(&mut self.open);
        open.push(Change { key: key.clone(), revision, came });
        if open.len() == BLOCK {
            let block = Block::new(std::mem::take(open), [].into());
            self.blocks.push_back(Arc::new(block));
            self.merge();
        }
    }

    /// Merges the small blocks when there are enough.
    fn merge(&mut self) {
        let small = self.blocks.iter().rev().take_while(|block| block.parts.is_empty()).count();
        if small == MERGED {
            let parts = self.blocks.split_off(self.blocks.len() - small);
            let changes = parts.iter().flat_map(|part| part.changes.iter().cloned()).collect();
            let block = Block::new(changes, parts.into_iter().collect());
            self.blocks.push_back(Arc::new(block));
        }
    }

    /// Forgets whole blocks up to `revision`.
    pub(super) fn forget_to(&mut self, revision: Revision) {
        while self.blocks.front().is_some_and(|block| block.newest <= revision) {
            self.blocks.pop_front();
        }
    }

    /// How many more keys of `keys` came than went after `revision`.
    pub(super) fn grown(&self, keys: &KeyRange, revision: Revision) -> i64 {
        let newer = self.blocks.iter().rev().take_while(|block| block.newest > revision);
        let blocks: i64 = newer.map(|block| block.grown(keys, revision)).sum();
        blocks + grown(self.open.iter(), keys, revision)
    }
}

impl Block {
    /// A block of some changes in order, or else one of `parts`.
    fn new(mut changes: Vec<Change>, parts: Box<[Arc<Self>]>) -> Self {
        let last = changes.len() - 1;
        let (oldest, newest) = match &parts[..] {
            [first, .., last] => (first.oldest, last.newest),
            _ => (changes[0].revision, changes[last].revision),
        };
        changes.sort_by(|a, b| a.key.cmp(&b.key));
        let sums = changes.iter().scan(0, |sum, change| {
            *sum += if change.came { 1 } else { -1 };
            Some(*sum)
        });
        Self { oldest, newest, sums: sums.collect(), changes: changes.into(), parts }
    }

    fn grown(&self, keys: &KeyRange, revision: Revision) -> i64 {
        if self.oldest <= revision {
            let newer = self.parts.iter().filter(|part| part.newest > revision);
            return match self.parts.is_empty() {
                true => grown(self.changes.iter(), keys, revision),
                false => newer.map(|part| part.grown(keys, revision)).sum(),
            };
        }
        let up_to = |end: usize| end.checked_sub(1).map_or(0, |last| i64::from(self.sums[last]));
        let start = self.before(keys.start.as_bytes());
        let end = match &keys.end {
            None => {
                let same = self.changes[start..].iter().take_while(|at| at.key == keys.start);
                start + same.count()
            }
            Some(_) if keys.is_unbounded() => self.changes.len(),
            Some(end) => self.before(end.as_bytes()).max(start),
        };
        up_to(end) - up_to(start)
    }

    /// How many changes are of keys before `key`.
    fn before(&self, key: &[u8]) -> usize {
        // Mostly the wanted keys are around all of these, which needs no search.
        match (self.changes.first(), self.changes.last()) {
            (Some(first), _) if first.key.as_bytes() >= key => 0,
            (_, Some(last)) if last.key.as_bytes() < key => self.changes.len(),
            _ => self.changes.partition_point(|at| at.key.as_bytes() < key),
        }
    }
}

/// The same of some changes, each looked at.
fn grown<'a>(
    changes: impl Iterator<Item = &'a Change>,
    keys: &KeyRange,
    revision: Revision,
) -> i64 {
    let wanted = |at: &&Change| at.revision > revision && keys.contains(at.key.as_bytes());
    changes.filter(wanted).map(|at| if at.came { 1 } else { -1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Blocks and what was forgotten change no sum.
        #[test]
        fn it_sums_what_looking_at_every_change_sums(
            changes in proptest::collection::vec(("[ab]{0,2}", any::<bool>(), 0..2_u64), 0..40),
            forgotten in 0..40_u64,
            range in ("[ab]{0,2}", proptest::option::of("[abc]{1,2}")),
        ) {
            let mut tally = Tally::default();
            let mut all = Vec::new();
            let mut revision = Revision::new(1);
            for (key, came, step) in changes {
                revision = Revision::new(revision.get() + step);
                let key = Key::from(key);
                tally.note(revision, &key, came);
                all.push(Change { key, revision, came });
            }
            let (start, end) = (Key::from(range.0), range.1.map(Key::from));
            let open = KeyRange { start: start.clone(), end: Some(Key::from("\0")) };
            tally.forget_to(Revision::new(forgotten));
            for keys in [open, KeyRange { start, end }] {
                for revision in (forgotten..42).map(Revision::new) {
                    let wanted = grown(all.iter(), &keys, revision);
                    prop_assert_eq!(tally.grown(&keys, revision), wanted);
                }
            }
        }
    }
}
