//! The segments of a log, as files and as what is remembered of them.

use std::io;

use crate::disk::{Disk, DiskFile};
use crate::planted::Fault;

use super::Options;
use super::frame::Frame;
use super::header::{self, Header};

/// The file whose space is reserved for the next segment.
pub(super) const SPARE: &str = "log-spare";

/// What the names of segments begin with.
const PREFIX: &str = "log-";

/// The name of the segment `sequence`.
pub(super) fn name(sequence: u64) -> String {
    format!("{PREFIX}{sequence:016x}")
}

/// The number of the segment called `name`.
pub(super) fn sequence(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let sequence = u64::from_str_radix(digits, 16).ok()?;
    (self::name(sequence) == name).then_some(sequence)
}

/// What is remembered of a segment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) sequence: u64,
    /// The index of its first entry.
    pub(super) first: u64,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// The size of the file.
    pub(super) size: u64,
    /// The checksum of the last frame, or of the header.
    pub(super) chain: u32,
    pub(super) last_term: u64,
    /// How many frames it has.
    frames: u64,
    /// Where each frame begins; nothing where the segment was passed over at opening.
    places: Vec<u32>,
}

impl Segment {
    /// A segment without entries.
    pub(super) fn new(header: &Header, size: u64) -> Self {
        Self {
            sequence: header.sequence,
            first: header.first,
            end: header::SIZE,
            size,
            chain: header.chain(),
            last_term: 0,
            frames: 0,
            places: Vec::new(),
        }
    }

    /// A segment that is not read, for `next`, which continues it, tells all that matters.
    pub(super) fn passed_over(header: &Header, next: &Header, size: u64) -> Self {
        let frames = next.first - header.first;
        let (end, chain) = (next.before_end, next.before_chain);
        Self { end, chain, frames, ..Self::new(header, size) }
    }

    /// The index after its last entry.
    pub(super) fn next(&self) -> u64 {
        self.first + self.frames
    }

    /// Notes a frame of `bytes` bytes at the end.
    pub(super) fn push(&mut self, bytes: u64, chain: u32, term: u64) {
        self.places.push(u32::try_from(self.end).expect("a segment is below 4 GiB"));
        self.frames += 1;
        self.end += bytes;
        self.chain = chain;
        self.last_term = term;
    }

    /// Where the frame of `index` begins.
    pub(super) fn place(&self, index: u64) -> Option<u64> {
        let place = index.checked_sub(self.first)?;
        self.places.get(usize::try_from(place).ok()?).map(|place| u64::from(*place))
    }

    /// Forgets the frames after that of `index`, which is `kept` and ends at `end`.
    pub(super) fn truncate(&mut self, index: u64, end: u64, kept: &Frame) {
        let frames = usize::try_from(index + 1 - self.first).expect("places are in memory");
        self.places.truncate(frames);
        self.frames = frames as u64;
        self.end = end;
        self.chain = kept.sum;
        self.last_term = kept.term;
    }
}

/// Takes the space of a segment from the disk.
pub(super) fn reserve(disk: &dyn Disk, size: u64) -> io::Result<Box<dyn DiskFile>> {
    let file = disk.open(SPARE, true)?;
    // What a crash left of an earlier attempt must not be taken for frames.
    file.set_len(0, false)?;
    match file.set_len(size, true) {
        // Some file systems cannot; then a full disk is noticed later.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => file.set_len(size, false)?,
        reserved => reserved?,
    }
    Ok(file)
}

/// Makes the spare file the segment of `header`, safely.
pub(super) fn begin(
    disk: &dyn Disk,
    spare: &dyn DiskFile,
    header: &Header,
    size: u64,
    options: &Options,
) -> io::Result<()> {
    if size != options.segment_bytes {
        spare.set_len(size, true)?;
    }
    spare.write_at(0, &header.encode())?;
    let name_it = || {
        spare.sync()?;
        disk.rename(SPARE, &name(header.sequence))?;
        if options.planted.has(Fault::SkipDirSync) { Ok(()) } else { disk.sync_dir() }
    };
    // Once names change, no error leaves things as they were, not even a full disk.
    name_it().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbers_in_order() {
        assert_eq!(name(0x1f), "log-000000000000001f");
        assert_eq!(sequence("log-000000000000001f"), Some(0x1f));
        for other in ["log-1f", "log-spare", "log-000000000000001F", "wal", "log-"] {
            assert_eq!(sequence(other), None, "{other}");
        }
    }

    #[test]
    fn places_are_found_by_index() {
        let header = Header { sequence: 1, first: 5, ..Header::default() };
        let mut segment = Segment::new(&header, 1000);
        (0..3).for_each(|n| segment.push(10 + n, n as u32, 1));
        assert_eq!((segment.next(), segment.end), (8, header::SIZE + 33));
        assert_eq!(
            [4, 5, 6, 8].map(|index| segment.place(index)),
            [None, Some(64), Some(74), None]
        );
        let kept = Frame { length: 11, sum: 1, chain: 0, synced: 0, term: 1, index: 6, kind: 0 };
        segment.truncate(6, 85, &kept);
        assert_eq!((segment.next(), segment.place(7)), (7, None));
    }
}
