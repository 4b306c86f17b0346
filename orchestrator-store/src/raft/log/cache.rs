//! The newest entries in memory: those that the disk may not have yet, and those that members
//! which are not far behind will ask for.

use std::collections::VecDeque;

use super::super::types::{Entry, Payload, Request};

/// The bytes of entries that are kept after they are on disk.
const MAX_BYTES: usize = 64 << 20;

/// What an entry costs besides its command.
const ENTRY_BYTES: usize = 128;

/// Consecutive entries, up to the newest.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The first index that may not be on disk.
    unflushed: u64,
}

impl Cache {
    /// The index of the first entry here; `None` where there is none.
    pub(super) fn first(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.log_id.index())
    }

    /// Adds the entry after the last.
    pub(super) fn push(&mut self, entry: Entry) {
        if let Some(last) = self.entries.back() {
            debug_assert_eq!(last.log_id.index() + 1, entry.log_id.index(), "no gaps");
        }
        self.bytes += cost(&entry);
        self.entries.push_back(entry);
        self.shrink();
    }

    /// Notes that everything before `next` is on disk.
    pub(super) fn flushed(&mut self, next: u64) {
        self.unflushed = self.unflushed.max(next);
        self.shrink();
    }

    /// Forgets the entries from `next` on, which are then written anew.
    pub(super) fn truncate(&mut self, next: u64) {
        while self.entries.back().is_some_and(|entry| entry.log_id.index() >= next) {
            self.bytes -= self.entries.pop_back().as_ref().map_or(0, cost);
        }
        self.unflushed = self.unflushed.min(next);
    }

    /// Forgets the entries before `first`.
    pub(super) fn purge(&mut self, first: u64) {
        while self.first().is_some_and(|index| index < first) {
            self.drop_first();
        }
    }

    /// The entries from `start` to before `end` that are here, as far as `max_bytes` allow; one
    /// at least where there is one.
    pub(super) fn read(&self, start: u64, end: u64, max_bytes: usize) -> Vec<Entry> {
        let Some(first) = self.first() else { return Vec::new() };
        let skipped = start.max(first) - first;
        let wanted = end.saturating_sub(start.max(first));
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let mut read = Vec::new();
        let mut bytes = 0;
        for entry in self.entries.iter().skip(skipped).take(wanted) {
            bytes += cost(entry);
            if bytes > max_bytes && !read.is_empty() {
                break;
            }
            read.push(entry.clone());
        }
        read
    }

    fn shrink(&mut self) {
        while self.bytes > MAX_BYTES && self.first().is_some_and(|index| index < self.unflushed) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        self.bytes -= self.entries.pop_front().as_ref().map_or(0, cost);
    }
}

/// About how many bytes `entry` takes.
pub(super) fn cost(entry: &Entry) -> usize {
    let command = match &entry.payload {
        Payload::Normal(proposal) => match &proposal.request {
            Request::Commands(commands) => commands.size(),
            _ => 0,
        },
        _ => 0,
    };
    ENTRY_BYTES + command
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use openraft::entry::RaftEntry;

    use super::super::super::commands::Commands;
    use super::super::super::types::{Proposal, log_id};
    use super::*;

    fn entry(index: u64, bytes: usize) -> Entry {
        // With its length before it, a command takes `bytes`.
        let before = if bytes > 1000 { 4 } else { 2 };
        let request = Request::Commands(Commands::one(&vec![0; bytes - before]));
        Entry::new_normal(log_id(1, index), Proposal { at: Duration::ZERO, request })
    }

    fn indices(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.log_id.index()).collect()
    }

    #[test]
    fn reads_are_bounded_and_what_is_flushed_gives_way() {
        let mut cache = Cache::default();
        for index in 5..9 {
            cache.push(entry(index, 1000));
        }
        assert_eq!(indices(&cache.read(0, 99, usize::MAX)), [5, 6, 7, 8]);
        assert_eq!(indices(&cache.read(6, 8, usize::MAX)), [6, 7]);
        assert_eq!(indices(&cache.read(6, 9, 1)), [6]);
        assert_eq!(indices(&cache.read(9, 12, 1)), [0; 0]);
        cache.push(entry(9, MAX_BYTES));
        assert_eq!(cache.first(), Some(5), "nothing is on disk yet");
        cache.flushed(8);
        assert_eq!(cache.first(), Some(8));
        cache.truncate(9);
        cache.purge(8);
        assert_eq!((indices(&cache.read(0, 99, 1)), cache.bytes), (vec![8], 1000 + ENTRY_BYTES));
        cache.purge(9);
        assert_eq!((cache.first(), cache.bytes), (None, 0));
    }
}
