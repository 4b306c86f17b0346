//! Opens a log: follows the headers from the newest segment back, reads forward, cuts a torn end.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::header::{self, Header};
use super::scan::{End, Last, Scan};
use super::segment::{self, Segment};
use super::{Damage, Entry, OpenError, Options, Recovered, Wal};
use crate::disk::{Disk, DiskFile};
use crate::planted::Fault;

impl Wal {
    /// Opens the log on `disk`, or begins one.
    ///
    /// # Errors
    /// The log is damaged or of another cluster, or the disk failed.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Recovered), OpenError> {
        Self::open_with(disk, options, |_| {})
    }

    /// The same, and shows every entry to `visit`; their payloads share buffers of a segment's
    /// size, so what is kept of them is best copied.
    ///
    /// # Errors
    /// As for [`open`](Self::open); entries may have been shown before.
    pub fn open_with(
        disk: Arc<dyn Disk>,
        options: Options,
        visit: impl FnMut(Entry),
    ) -> Result<(Self, Recovered), OpenError> {
        Self::open_after(disk, options, 0, visit)
    }

    /// The same, for one that has what the entries up to `after` say: segments of nothing else are
    /// passed over, and their entries cannot be read back. Their headers are looked at all the
    /// same, so that a missing one is noticed.
    ///
    /// # Errors
    /// As for [`open_with`](Self::open_with).
    pub fn open_after(
        disk: Arc<dyn Disk>,
        mut options: Options,
        after: u64,
        mut visit: impl FnMut(Entry),
    ) -> Result<(Self, Recovered), OpenError> {
        let headers = headers(&*disk)?;
        let Some(chain) = Chain::follow(&headers, &options)? else {
            return Self::begin(disk, options);
        };
        options.salt = chain.segments[0].salt;
        let mut segments = Vec::new();
        let mut buffer = BytesMut::new();
        for pair in chain.segments.windows(2) {
            let (header, next) = (pair[0], pair[1]);
            let not_needed = next.first <= after.saturating_add(1) && header.first <= next.first;
            segments.push(if not_needed {
                pass_over(&*disk, header, next)?
            } else {
                read_whole(&*disk, (header, next), &options, &mut buffer, &mut visit)?
            });
        }
        let newest = chain.segments[chain.segments.len() - 1];
        let name = segment::name(newest.sequence);
        let file = disk.open(&name, false).map_err(OpenError::io(&name))?;
        let bytes = read_file(&*file, &name, &mut buffer)?;
        let scan = Scan { bytes: &bytes, header: newest, planted: options.planted };
        let Last { segment: last, end, safe } = scan
            .last(&mut visit)
            .map_err(|(offset, damage)| OpenError::damaged(&name, offset, damage))?;
        if !options.planted.has(Fault::UnsyncedRecovery) {
            // A killed process may have left in memory only what is served from now on. After a
            // sync that failed the system may even take it for safe, unless it is written again.
            let unsure = &bytes[index(safe)..index(last.end)];
            file.write_at(safe, unsure).map_err(OpenError::io(&name))?;
            file.sync().map_err(OpenError::io(&name))?;
        }
        let (synced, zeroed) = (last.end, last.end);
        segments.push(last);
        let mut wal = Self {
            disk,
            options,
            segments,
            file,
            synced,
            zeroed,
            spare: None,
            failed: false,
            buffer: Vec::new(),
        };
        let io = OpenError::io("the log");
        let torn_bytes = wal.finish(end, &chain.garbage).map_err(io)?;
        let recovered = wal.recovered(torn_bytes);
        Ok((wal, recovered))
    }

    fn recovered(&self, torn_bytes: u64) -> Recovered {
        Recovered {
            first: self.first_index(),
            next: self.next_index(),
            last_term: self.last_term(),
            torn_bytes,
        }
    }

    /// Makes the first segment.
    fn begin(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Recovered), OpenError> {
        let io = |source| OpenError::io(segment::SPARE)(source);
        let header = Header {
            cluster: options.cluster,
            salt: options.salt,
            sequence: 1,
            first: 1,
            ..Header::default()
        };
        let size = options.segment_bytes;
        let file = segment::reserve(&*disk, size).map_err(io)?;
        segment::begin(&*disk, &*file, &header, size, &options).map_err(io)?;
        let mut wal = Self {
            disk,
            options,
            segments: vec![Segment::new(&header, size)],
            file,
            synced: header::SIZE,
            zeroed: header::SIZE,
            spare: None,
            failed: false,
            buffer: Vec::new(),
        };
        wal.has_reserve();
        let recovered = wal.recovered(0);
        Ok((wal, recovered))
    }

    /// Cuts a torn end off, removes what is no part of the log, reserves space.
    fn finish(&mut self, end: End, garbage: &[u64]) -> std::io::Result<u64> {
        self.remove(garbage.iter().rev().copied())?;
        let torn_bytes = match end {
            End::Clean => 0,
            End::Torn(bytes) => {
                tracing::warn!(bytes, "the log ended in a write that was never finished");
                self.roll(0)?;
                bytes
            }
        };
        self.has_reserve();
        Ok(torn_bytes)
    }
}

/// The segments that make a log.
struct Chain<'a> {
    /// Oldest first; never empty.
    segments: Vec<&'a Header>,
    /// Sequences of files that no segment continues, oldest first.
    garbage: Vec<u64>,
}

impl<'a> Chain<'a> {
    /// Follows the headers back from the newest; `None` where there is none.
    fn follow(
        headers: &'a BTreeMap<u64, Option<Header>>,
        options: &Options,
    ) -> Result<Option<Self>, OpenError> {
        let Some((newest, _)) = headers.last_key_value() else { return Ok(None) };
        let mut segments: Vec<&Header> = Vec::new();
        let mut next = *newest;
        while let Some(found) = headers.get(&next) {
            let name = segment::name(next);
            let header = found.as_ref().filter(|header| header.sequence == next);
            let header = header.ok_or_else(|| OpenError::damaged(&name, 0, Damage::Header))?;
            if header.cluster != options.cluster {
                let (found, wanted) = (header.cluster, options.cluster);
                return Err(OpenError::Foreign { file: name, found, wanted });
            }
            segments.push(header);
            if header.before >= next {
                return Err(OpenError::damaged(&name, 0, Damage::Order));
            }
            next = header.before;
        }
        // The oldest go first: with one missing, those before it must be gone too.
        if next != 0 && headers.range(..next).next().is_some() {
            return Err(OpenError::damaged(&segment::name(next), 0, Damage::Missing));
        }
        segments.reverse();
        let used = |sequence: &&u64| segments.iter().any(|header| header.sequence == **sequence);
        let garbage = headers.keys().filter(|sequence| !used(sequence)).copied().collect();
        Ok(Some(Self { segments, garbage }))
    }
}

/// The headers of all segments, by their names; `None` for one that is not readable.
fn headers(disk: &dyn Disk) -> Result<BTreeMap<u64, Option<Header>>, OpenError> {
    let names = disk.list().map_err(OpenError::io("the data folder"))?;
    let mut headers = BTreeMap::new();
    for (sequence, name) in names.iter().filter_map(|name| Some((segment::sequence(name)?, name))) {
        let file = disk.open(name, false).map_err(OpenError::io(name))?;
        let mut bytes = [0; header::SIZE as usize];
        let read = file.read_at(0, &mut bytes).map_err(OpenError::io(name))?;
        headers.insert(sequence, Header::decode(&bytes[..read]));
    }
    Ok(headers)
}

/// The segment of `header`, which `next` continues, unread.
fn pass_over(disk: &dyn Disk, header: &Header, next: &Header) -> Result<Segment, OpenError> {
    let name = segment::name(header.sequence);
    let file = disk.open(&name, false).map_err(OpenError::io(&name))?;
    let size = file.size().map_err(OpenError::io(&name))?;
    Ok(Segment::passed_over(header, next, size))
}

/// Reads the first of two segments, which the second continues, into `buffer`.
fn read_whole(
    disk: &dyn Disk,
    (header, next): (&Header, &Header),
    options: &Options,
    buffer: &mut BytesMut,
    visit: &mut dyn FnMut(Entry),
) -> Result<Segment, OpenError> {
    let name = segment::name(header.sequence);
    let file = disk.open(&name, false).map_err(OpenError::io(&name))?;
    let bytes = read_file(&*file, &name, buffer)?;
    let scan = Scan { bytes: &bytes, header, planted: options.planted };
    let segment = scan
        .whole(next.before_end, visit)
        .map_err(|(offset, damage)| OpenError::damaged(&name, offset, damage))?;
    let follows = segment.chain == next.before_chain && segment.next() == next.first;
    if !follows && !options.planted.has(Fault::NoChecksum) {
        return Err(OpenError::damaged(&name, segment.end, Damage::Order));
    }
    // Unless an entry was kept, the next segment goes to the same memory: it costs less to touch.
    *buffer = bytes.try_into_mut().unwrap_or_default();
    Ok(segment)
}

/// A place in a segment as an index.
fn index(place: u64) -> usize {
    usize::try_from(place).expect("a segment fits the memory")
}

/// All of a file, in the memory of `buffer` where that is large enough.
fn read_file(file: &dyn DiskFile, name: &str, buffer: &mut BytesMut) -> Result<Bytes, OpenError> {
    let length = file.size().map_err(OpenError::io(name))?;
    let length = usize::try_from(length).expect("a segment fits the memory");
    let mut bytes = match std::mem::take(buffer) {
        large if large.capacity() >= length => large,
        // Fresh from the system such memory is zero already.
        _ => BytesMut::zeroed(length),
    };
    bytes.resize(length, 0);
    let read = file.read_at(0, &mut bytes).map_err(OpenError::io(name))?;
    bytes.truncate(read);
    Ok(bytes.freeze())
}
