//! Reads entries back.

use std::io;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::frame::{self, Frame, Place};
use super::segment;
use super::{Entry, Wal};
use crate::disk::DiskFile;

impl Wal {
    /// The entries of `range`, from the first on: as many as `max_bytes` allow, one at least.
    ///
    /// Entries that are not synced yet are there too; what is outside the log is left out.
    ///
    /// # Errors
    /// Whatever the disk says; [`InvalidData`](io::ErrorKind::InvalidData) where a checksum is
    /// wrong, [`Unsupported`](io::ErrorKind::Unsupported) where the log was opened
    /// [after](Self::open_after) the entry.
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut next = range.start.max(self.first_index());
        let end = range.end.min(self.next_index());
        let mut room = max_bytes;
        while next < end {
            let (start, stop) = self.places(self.holder(next), next..next + 1)?;
            if stop - start > room as u64 && !entries.is_empty() {
                break;
            }
            let part = self.read_segment(next..end, room)?;
            let bytes: usize = part.iter().map(|entry| frame::HEADER + entry.payload.len()).sum();
            next += part.len() as u64;
            entries.extend(part);
            room = room.saturating_sub(bytes);
        }
        Ok(entries)
    }

    /// The term of the entry `index`, where it is kept.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn term(&self, index: u64) -> io::Result<Option<u64>> {
        if !(self.first_index()..self.next_index()).contains(&index) {
            return Ok(None);
        }
        self.frame_at(self.holder(index), index).map(|(_, frame)| Some(frame.term))
    }

    /// Which segment holds `index`, which is in the log.
    pub(super) fn holder(&self, index: u64) -> usize {
        let after = self.segments.partition_point(|segment| segment.first <= index);
        // A segment without entries begins where the next one does, and holds nothing.
        self.segments[..after].iter().rposition(|held| index < held.next()).expect("in the log")
    }

    /// Where the frame of `index` is in the segment `holder`, and what it says of itself.
    pub(super) fn frame_at(&self, holder: usize, index: u64) -> io::Result<(u64, Frame)> {
        let (place, end) = self.places(holder, index..index + 1)?;
        let bytes = self.read_bytes(holder, place, end)?;
        let frame = frame::peek(&bytes).ok_or_else(damaged)?;
        Ok((place, frame))
    }

    /// Entries of one segment.
    fn read_segment(&self, range: Range<u64>, max_bytes: usize) -> io::Result<Vec<Entry>> {
        let holder = self.holder(range.start);
        let held = &self.segments[holder];
        let mut end = range.start + 1;
        let start = held.place(range.start).ok_or_else(passed_over)?;
        while end < range.end.min(held.next())
            && held.place(end + 1).unwrap_or(held.end) - start <= max_bytes as u64
        {
            end += 1;
        }
        let (start, stop) = self.places(holder, range.start..end)?;
        let bytes = self.read_bytes(holder, start, stop)?;
        let mut entries = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let frame = frame::peek(&bytes[at..]).ok_or_else(damaged)?;
            let frame_bytes = bytes.slice(at..at + frame.length);
            let offset = start + at as u64;
            let place = Place { salt: self.options.salt, sequence: held.sequence, offset };
            if frame::checksum(&frame_bytes, &place) != frame.sum {
                return Err(damaged());
            }
            let Frame { term, index, kind, .. } = frame;
            let payload = Bytes::copy_from_slice(&frame_bytes[frame::HEADER..]);
            entries.push(Entry { term, index, kind, payload });
            at += frame.length;
        }
        Ok(entries)
    }

    /// Where the frames of `range` begin and end in the segment `holder`.
    fn places(&self, holder: usize, range: Range<u64>) -> io::Result<(u64, u64)> {
        let held = &self.segments[holder];
        let start = held.place(range.start).ok_or_else(passed_over)?;
        Ok((start, held.place(range.end).unwrap_or(held.end)))
    }

    fn read_bytes(&self, holder: usize, start: u64, end: u64) -> io::Result<Bytes> {
        let mut bytes = BytesMut::zeroed(usize::try_from(end - start).expect("below 4 GiB"));
        let older: Box<dyn DiskFile>;
        let file = if holder + 1 == self.segments.len() {
            &self.file
        } else {
            older = self.disk.open(&segment::name(self.segments[holder].sequence), false)?;
            &older
        };
        match file.read_at(start, &mut bytes)? {
            read if read == bytes.len() => Ok(bytes.freeze()),
            _ => Err(damaged()),
        }
    }
}

fn passed_over() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the entry was passed over at opening")
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an entry of the log is damaged")
}
