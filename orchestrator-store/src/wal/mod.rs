//! The write-ahead log: entries in order, in segments that are only ever appended to.
//!
//! A segment is a file of fixed size, its space taken from the disk beforehand; a spare one is
//! kept, so that when the disk is full there is still room for what frees space. Its header names
//! the cluster and the end of the segment before: the headers form a chain, which decides what
//! belongs to the log. So the log is cut ([`Wal::truncate_after`], or a torn end found at opening)
//! by a new segment that continues an older place; nothing is ever overwritten.
//!
//! A frame carries the checksum of the frame before, its own place, and how much of its segment
//! had been synced when it was written. So recovery can tell a torn end (what follows the first
//! bad frame was written before any later sync) from damage (a good frame follows that was written
//! after the bad one had been synced): the first is cut off, the second refused.
//!
//! All calls block; engines make them inside [`Env::blocking`](orchestrator_core::Env::blocking).
//! Nothing is safe before [`Wal::sync`] has returned. After an error of a write or a sync the log
//! refuses everything: what is on disk is then unknown.

mod error;
mod frame;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod open;
mod options;
mod read;
mod record;
mod scan;
mod segment;
#[cfg(test)]
mod tests;

pub use error::{Damage, OpenError};
pub use options::Options;
pub use record::{load_record, store_record};

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::{Disk, DiskFile};
use header::Header;
use segment::Segment;

/// One entry of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The term of the leader that made it.
    pub term: u64,
    /// Its place in the log; entries follow each other without gaps.
    pub index: u64,
    /// What it is; a matter of the engine.
    pub kind: u8,
    /// What it says. From [`Wal::open_with`], part of a larger buffer.
    pub payload: Bytes,
}

/// What was found at opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The index of the first entry; of the next one where there is none.
    pub first: u64,
    /// The index of the next entry.
    pub next: u64,
    /// The term of the last entry, 0 where there is none.
    pub last_term: u64,
    /// How many bytes of a torn end were cut off.
    pub torn_bytes: u64,
}

/// A log of entries on a disk.
pub struct Wal {
    disk: Arc<dyn Disk>,
    options: Options,
    /// The segments of the chain, oldest first; the last one is written to.
    segments: Vec<Segment>,
    file: Box<dyn DiskFile>,
    /// How far the last segment is synced, and how far it is known to hold nothing but zeros
    /// behind its end.
    synced: u64,
    zeroed: u64,
    spare: Option<Box<dyn DiskFile>>,
    failed: bool,
    /// Frames on their way to the disk; kept for its room.
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Wal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Wal");
        shown.field("first", &self.first_index()).field("next", &self.next_index());
        shown.field("segments", &self.segments.len()).finish_non_exhaustive()
    }
}

/// How much zeros are written ahead of small batches: a sync then changes no sizes or extents,
/// which halves its time on common file systems.
const ZERO_AHEAD: u64 = 256 << 10;

/// Batches above this are written without zeros ahead, which would only double the work.
const SMALL_BATCH: u64 = 32 << 10;

impl Wal {
    /// The term of the last entry of the last segment, 0 where it has none.
    fn last_term(&self) -> u64 {
        let held = self.segments.iter().rev().find(|segment| segment.next() > segment.first);
        held.map_or(0, |segment| segment.last_term)
    }

    /// The index of the first entry; of the next one where there is none.
    pub fn first_index(&self) -> u64 {
        self.segments[0].first
    }

    /// The index of the next entry.
    pub fn next_index(&self) -> u64 {
        self.last().next()
    }

    /// How many bytes the entries take on disk.
    pub fn live_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end).sum()
    }

    /// How many bytes the log takes on disk, with what is reserved.
    pub fn disk_bytes(&self) -> u64 {
        let spare = if self.spare.is_some() { self.options.segment_bytes } else { 0 };
        spare + self.segments.iter().map(|segment| segment.size).sum::<u64>()
    }

    /// Whether there is space in reserve: without it, only what frees space should be appended.
    ///
    /// Tries to get some where there is none.
    pub fn has_reserve(&mut self) -> bool {
        self.spare.is_some() || self.make_spare().is_ok()
    }

    /// Appends `entries`, which continue the log; an empty log begins anywhere.
    ///
    /// # Errors
    /// [`StorageFull`](io::ErrorKind::StorageFull): nothing was appended. Any other: the log has
    /// failed for good.
    ///
    /// # Panics
    /// The entries leave a gap.
    pub fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.check_failed()?;
        let Some(first) = entries.first() else { return Ok(()) };
        if self.next_index() == self.first_index() && first.index != self.next_index() {
            self.reset(first.index)?;
        }
        let room = self.last().size - self.last().end;
        if entries.iter().map(frame::size).sum::<u64>() > room && !self.has_reserve() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut rest = entries;
        while !rest.is_empty() {
            let fitting = self.encode_fitting(rest);
            if fitting == 0 {
                let rolled = self.roll(frame::size(&rest[0]));
                self.failed |= rolled.is_err() && rest.len() < entries.len();
                rolled?;
                continue;
            }
            let written = self.write_buffer();
            self.note_failure(written)?;
            rest = &rest[fitting..];
        }
        Ok(())
    }

    /// Makes all that was appended safe.
    ///
    /// # Errors
    /// Nothing is known about what was appended since the last sync; the log has failed for good.
    pub fn sync(&mut self) -> io::Result<()> {
        self.check_failed()?;
        if self.synced == self.last().end {
            return Ok(());
        }
        let synced = self.file.sync();
        self.note_failure(synced)?;
        self.synced = self.last().end;
        Ok(())
    }

    /// Forgets the entries after `index`, safely.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    pub fn truncate_after(&mut self, index: u64) -> io::Result<()> {
        self.check_failed()?;
        if index.saturating_add(1) >= self.next_index() {
            return Ok(());
        }
        if index < self.first_index() {
            return self.reset(index + 1);
        }
        let holder = self.holder(index);
        let (place, kept) = self.frame_at(holder, index)?;
        let end = place + kept.length as u64;
        let header = Header {
            sequence: self.last().sequence + 1,
            before: self.segments[holder].sequence,
            before_end: end,
            before_chain: kept.sum,
            first: index + 1,
            ..self.header()
        };
        self.begin_segment(header, 0)?;
        let current = self.segments.pop().expect("the segment just begun");
        let dropped = self.segments.split_off(holder + 1);
        self.segments[holder].truncate(index, end, &kept);
        self.segments.push(current);
        self.remove(dropped.iter().rev().map(|segment| segment.sequence))
    }

    /// Forgets all entries; the next one has the index `next`.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    pub fn reset(&mut self, next: u64) -> io::Result<()> {
        self.check_failed()?;
        let header = Header { sequence: self.last().sequence + 1, first: next, ..self.header() };
        self.begin_segment(header, 0)?;
        let current = self.segments.pop().expect("the segment just begun");
        let dropped = std::mem::replace(&mut self.segments, vec![current]);
        self.remove(dropped.iter().map(|segment| segment.sequence))
    }

    /// Frees the space of entries up to `index` where whole segments hold no other; returns the
    /// first index that is left.
    ///
    /// # Errors
    /// Whatever the disk says; the log goes on.
    pub fn purge_to(&mut self, index: u64) -> io::Result<u64> {
        self.check_failed()?;
        let kept = self.segments.iter().skip(1).take_while(|next| next.first <= index + 1).count();
        let dropped: Vec<_> = self.segments.drain(..kept).collect();
        self.remove(dropped.iter().map(|segment| segment.sequence))?;
        Ok(self.first_index())
    }

    fn last(&self) -> &Segment {
        self.segments.last().expect("a log has a segment")
    }

    fn last_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a log has a segment")
    }

    /// Encodes as many of `entries` as fit the last segment; returns their number.
    fn encode_fitting(&mut self, entries: &[Entry]) -> usize {
        let (synced, mut buffer) = (self.synced, std::mem::take(&mut self.buffer));
        buffer.clear();
        let salt = self.options.salt;
        let segment = self.last_mut();
        let mut fitting = 0;
        for entry in entries {
            assert_eq!(entry.index, segment.next(), "entries follow each other");
            if segment.end + frame::size(entry) > segment.size {
                break;
            }
            let place = frame::Place { salt, sequence: segment.sequence, offset: segment.end };
            let chain = frame::encode(entry, &place, segment.chain, synced, &mut buffer);
            segment.push(frame::size(entry), chain, entry.term);
            fitting += 1;
        }
        self.buffer = buffer;
        fitting
    }

    /// Writes the buffer, which ends where the last segment ends.
    fn write_buffer(&mut self) -> io::Result<()> {
        let (end, size) = (self.last().end, self.last().size);
        let length = self.buffer.len() as u64;
        if end > self.zeroed {
            if length <= SMALL_BATCH {
                let zeros_end = (end + ZERO_AHEAD).min(size);
                self.buffer.resize((length + zeros_end - end) as usize, 0);
            }
            self.zeroed = end - length + self.buffer.len() as u64;
        }
        self.file.write_at(end - length, &self.buffer)
    }

    /// Begins a new segment after the last one, with room for a frame of `room` bytes.
    fn roll(&mut self, room: u64) -> io::Result<()> {
        // A frame of the new segment says by its being there that this one is safe.
        self.sync()?;
        let last = self.last();
        let header = Header {
            sequence: last.sequence + 1,
            before: last.sequence,
            before_end: last.end,
            before_chain: last.chain,
            first: last.next(),
            ..self.header()
        };
        self.begin_segment(header, room)
    }

    fn header(&self) -> Header {
        Header { cluster: self.options.cluster, salt: self.options.salt, ..Header::default() }
    }

    /// Makes the file of a segment, safely, and goes on in it.
    fn begin_segment(&mut self, header: Header, room: u64) -> io::Result<()> {
        if self.spare.is_none() {
            self.make_spare()?;
        }
        let size = self.options.segment_bytes.max(header::SIZE + room);
        let file = self.spare.take().expect("made above");
        let begun = segment::begin(&*self.disk, &*file, &header, size, &self.options);
        if let Err(error) = begun {
            // The name may or may not have changed; a full disk is found before that.
            self.failed = error.kind() != io::ErrorKind::StorageFull;
            self.spare = (!self.failed).then_some(file);
            return Err(error);
        }
        self.segments.push(Segment::new(&header, size));
        self.file = file;
        self.synced = header::SIZE;
        self.zeroed = header::SIZE;
        // Without a spare the engine raises an alarm; this segment has room.
        let _ = self.make_spare();
        Ok(())
    }

    fn make_spare(&mut self) -> io::Result<()> {
        self.spare = Some(segment::reserve(&*self.disk, self.options.segment_bytes)?);
        Ok(())
    }

    /// Removes files one by one, so that what a crash leaves is never a log with a hole.
    fn remove(&self, sequences: impl IntoIterator<Item = u64>) -> io::Result<()> {
        for sequence in sequences {
            self.disk.remove(&segment::name(sequence))?;
            self.disk.sync_dir()?;
        }
        Ok(())
    }

    fn check_failed(&self) -> io::Result<()> {
        match self.failed {
            true => Err(io::Error::other("the log has failed before")),
            false => Ok(()),
        }
    }

    fn note_failure<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        self.failed |= done.is_err();
        done
    }
}
