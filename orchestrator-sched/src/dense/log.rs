//! Which nodes have changed, in order: a bounded log with positions that readers keep.

use std::collections::VecDeque;

use super::table::Slot;

/// Set in an entry whose node's object changed, or that came or went; else its pods did.
const OBJECT: u32 = 1 << 31;

/// The log keeps at least so many changes, whatever the number of nodes.
const MIN_KEPT: usize = 1024;

/// A change of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dirty {
    pub slot: Slot,
    /// Whether more than the pods there has changed.
    pub object: bool,
}

/// Changes of nodes.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<u32>,
    /// The position of the first entry.
    start: u64,
}

impl Log {
    /// The position after the newest change.
    pub fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }

    /// Notes a change; of `nodes` nodes in all, so many changes are kept that reading them is
    /// less work than looking at every node.
    pub fn push(&mut self, slot: Slot, object: bool, nodes: usize) {
        self.entries.push_back(slot | if object { OBJECT } else { 0 });
        if self.entries.len() > nodes.max(MIN_KEPT) {
            self.entries.pop_front();
            self.start += 1;
        }
    }

    /// The changes from a position on; `None` where some of them are no longer known, or the
    /// position was never reached.
    pub fn since(&self, position: u64) -> Option<impl ExactSizeIterator<Item = Dirty> + '_> {
        let skip = usize::try_from(position.checked_sub(self.start)?).ok()?;
        if skip > self.entries.len() {
            return None;
        }
        let entries = self.entries.range(skip..);
        Some(entries.map(|entry| Dirty { slot: entry & !OBJECT, object: entry & OBJECT != 0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_each_change_once_or_hears_that_some_are_lost() {
        let mut log = Log::default();
        log.push(3, true, 1);
        let position = log.end();
        log.push(4, false, 1);
        let read = |log: &Log, from| log.since(from).map(|all| all.collect::<Vec<_>>());
        assert_eq!(read(&log, position), Some(vec![Dirty { slot: 4, object: false }]));
        assert_eq!(read(&log, log.end()), Some(vec![]));
        for _ in 0..=MIN_KEPT {
            log.push(5, false, 1);
        }
        assert_eq!(read(&log, position), None);
    }
}
