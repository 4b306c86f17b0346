//! Finds the frames of a segment, and what the first bad one means.

use bytes::Bytes;

use super::frame::{self, Frame, Place};
use super::header::Header;
use super::segment::Segment;
use super::{Damage, Entry};
use crate::planted::{Fault, Planted};

/// A segment that is being read at opening.
pub(super) struct Scan<'a> {
    /// All of the file.
    pub(super) bytes: &'a Bytes,
    pub(super) header: &'a Header,
    pub(super) planted: Planted,
}

/// How the frames of the last segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing follows.
    Clean,
    /// So many bytes follow, of writes that were never synced.
    Torn(u64),
}

/// The last segment.
pub(super) struct Last {
    pub(super) segment: Segment,
    pub(super) end: End,
    /// How far it surely was synced.
    pub(super) safe: u64,
}

type Found<T> = Result<T, (u64, Damage)>;

impl Scan<'_> {
    /// Reads a segment that ends at `end`, where another one goes on.
    pub(super) fn whole(&self, end: u64, visit: &mut dyn FnMut(Entry)) -> Found<Segment> {
        let mut segment = Segment::new(self.header, self.bytes.len() as u64);
        while segment.end < end {
            let Some(frame) = self.good(&segment) else {
                return Err((segment.end, Damage::Hole));
            };
            self.take(&mut segment, &frame, visit);
        }
        if segment.end == end { Ok(segment) } else { Err((segment.end, Damage::Order)) }
    }

    /// Reads the last segment, up to its first bad frame.
    pub(super) fn last(&self, visit: &mut dyn FnMut(Entry)) -> Found<Last> {
        let mut segment = Segment::new(self.header, self.bytes.len() as u64);
        let mut safe = segment.end;
        while let Some(frame) = self.good(&segment) {
            safe = safe.max(frame.synced);
            self.take(&mut segment, &frame, visit);
        }
        let end = self.end(&segment)?;
        Ok(Last { segment, end, safe })
    }

    fn place(&self, offset: u64) -> Place {
        Place { salt: self.header.salt, sequence: self.header.sequence, offset }
    }

    /// The frame that continues `segment`, if it is good.
    fn good(&self, segment: &Segment) -> Option<Frame> {
        let frame = self.at(segment.end)?;
        let follows = frame.chain == segment.chain || self.planted.has(Fault::NoChecksum);
        (follows && frame.index == segment.next()).then_some(frame)
    }

    /// The frame at `offset`, if its checksum is right.
    fn at(&self, offset: u64) -> Option<Frame> {
        let rest = self.bytes.get(usize::try_from(offset).ok()?..)?;
        let frame = frame::peek(rest)?;
        let right = || frame::checksum(&rest[..frame.length], &self.place(offset)) == frame.sum;
        // The cheap tests first: most places hold no frame.
        let sensible = frame.synced <= offset && frame.index >= self.header.first;
        (sensible && (self.planted.has(Fault::NoChecksum) || right())).then_some(frame)
    }

    fn take(&self, segment: &mut Segment, frame: &Frame, visit: &mut dyn FnMut(Entry)) {
        let start = segment.end as usize;
        let payload = self.bytes.slice(start + frame::HEADER..start + frame.length);
        let Frame { term, index, kind, .. } = *frame;
        segment.push(frame.length as u64, frame.sum, term);
        visit(Entry { term, index, kind, payload });
    }

    /// What the bytes behind the good frames mean.
    ///
    /// # Errors
    /// A later frame was written when the bad place had been synced already.
    fn end(&self, segment: &Segment) -> Found<End> {
        let start = segment.end as usize;
        let used = self.bytes[start..].iter().rposition(|byte| *byte != 0);
        let Some(used) = used else { return Ok(End::Clean) };
        let used = start + used + 1;
        let later = (segment.end..used as u64).filter_map(|offset| self.at(offset));
        let hole = later
            .into_iter()
            .any(|frame| frame.synced > segment.end && frame.index >= segment.next());
        if hole && !self.planted.has(Fault::SkipHole) && !self.planted.has(Fault::NoChecksum) {
            return Err((segment.end, Damage::Hole));
        }
        Ok(End::Torn((used - start) as u64))
    }
}
