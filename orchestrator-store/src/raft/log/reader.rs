//! Reads the log: the newest entries from memory, older ones from disk.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use openraft::storage::RaftLogReader;

use super::super::types::{Entry, Types, Vote};
use super::{Log, record};

/// The most bytes that are read for one call to another member.
const MAX_CALL_BYTES: usize = 4 << 20;

impl Log {
    /// The entries of `start..end` that there are, as far as `max_bytes` allow.
    async fn read(&self, start: u64, end: u64, max_bytes: usize) -> io::Result<Vec<Entry>> {
        let (from, cached) = {
            let view = self.shared.view.lock();
            let first = view.purged.map_or(0, |purged| purged.index() + 1);
            let next = view.last.map_or(0, |last| last.index() + 1);
            let (start, end) = (start.max(first), end.min(next));
            if start >= end {
                return Ok(Vec::new());
            }
            match view.cache.first() {
                Some(cached) if cached <= start => {
                    return Ok(view.cache.read(start, end, max_bytes));
                }
                cached => (start, cached.unwrap_or(end).min(end)),
            }
        };
        // What the memory does not hold is on disk, for only that gives way.
        let wal = Arc::clone(&self.shared.wal);
        let read =
            self.shared.env.blocking(move || wal.lock().read(from..cached, max_bytes)).await?;
        let unreadable = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        read.iter()
            .map(|entry| Ok(record::read_entry(entry, false).map_err(unreadable)?.0))
            .collect()
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<Entry>>
    where
        R: RangeBounds<u64> + Clone + Debug + Send,
    {
        let mut next = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        let mut entries = Vec::new();
        loop {
            let part = self.read(next, end, usize::MAX).await?;
            let Some(last) = part.last() else { return Ok(entries) };
            next = last.log_id.index() + 1;
            entries.extend(part);
        }
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.shared.view.lock().vote)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, MAX_CALL_BYTES).await
    }
}
