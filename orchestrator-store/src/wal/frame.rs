//! Frames: entries as they are in a segment.

use super::Entry;

/// The bytes of a frame before its payload.
pub(super) const HEADER: usize = 36;

/// Where a frame is: part of what its checksum covers, so that a copy elsewhere is no frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) salt: u64,
    pub(super) sequence: u64,
    pub(super) offset: u64,
}

/// A frame as read, its payload aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The bytes of all of it.
    pub(super) length: usize,
    pub(super) sum: u32,
    /// The checksum of the frame before, or of the segment's header.
    pub(super) chain: u32,
    /// How much of the segment had been synced when the frame was written.
    pub(super) synced: u64,
    pub(super) term: u64,
    pub(super) index: u64,
    pub(super) kind: u8,
}

/// The bytes that `entry` takes.
pub(super) fn size(entry: &Entry) -> u64 {
    (HEADER + entry.payload.len()) as u64
}

/// Appends the frame of `entry`; returns its checksum.
pub(super) fn encode(
    entry: &Entry,
    place: &Place,
    chain: u32,
    synced: u64,
    out: &mut Vec<u8>,
) -> u32 {
    let start = out.len();
    let short = |number: u64| u32::try_from(number).expect("a segment is below 4 GiB");
    out.extend_from_slice(&short(size(entry)).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&chain.to_le_bytes());
    out.extend_from_slice(&short(synced).to_le_bytes());
    out.extend_from_slice(&entry.term.to_le_bytes());
    out.extend_from_slice(&entry.index.to_le_bytes());
    out.extend_from_slice(&[entry.kind, 0, 0, 0]);
    out.extend_from_slice(&entry.payload);
    let sum = checksum(&out[start..], place);
    out[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
    sum
}

/// The frame that `bytes` begin with, if its numbers make sense; the checksum is not looked at.
pub(super) fn peek(bytes: &[u8]) -> Option<Frame> {
    let head: &[u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
    let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("8 bytes"));
    let short = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("4 bytes"));
    let length = short(0) as usize;
    if length < HEADER || length > bytes.len() || head[33..] != [0; 3] {
        return None;
    }
    Some(Frame {
        length,
        sum: short(4),
        chain: short(8),
        synced: short(12).into(),
        term: long(16),
        index: long(24),
        kind: head[32],
    })
}

/// The checksum of a frame at `place`.
pub(super) fn checksum(frame: &[u8], place: &Place) -> u32 {
    let mut seed = [0; 24];
    seed[..8].copy_from_slice(&place.salt.to_le_bytes());
    seed[8..16].copy_from_slice(&place.sequence.to_le_bytes());
    seed[16..].copy_from_slice(&place.offset.to_le_bytes());
    let sum = crc32c::crc32c_append(crc32c::crc32c(&seed), &frame[..4]);
    crc32c::crc32c_append(sum, &frame[8..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_frame_is_good_at_its_place_only() {
        let entry = Entry { term: 1, index: 2, kind: 3, payload: Bytes::from("payload") };
        let place = Place { salt: 9, sequence: 1, offset: 64 };
        let mut bytes = Vec::new();
        let sum = encode(&entry, &place, 7, 64, &mut bytes);
        let frame = peek(&bytes).unwrap();
        assert_eq!((frame.length as u64, frame.sum), (size(&entry), sum));
        assert_eq!((frame.chain, frame.synced, frame.term), (7, 64, 1));
        assert_eq!((frame.index, frame.kind), (2, 3));
        assert_eq!(checksum(&bytes, &place), sum);
        for other in [
            Place { salt: 8, ..place },
            Place { sequence: 2, ..place },
            Place { offset: 65, ..place },
        ] {
            assert_ne!(checksum(&bytes, &other), sum);
        }
        assert_eq!((peek(&bytes[..bytes.len() - 1]), peek(&[0; 64])), (None, None));
        for at in (0..4).chain(8..bytes.len()) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert_ne!(checksum(&bytes, &place), sum, "byte {at}");
        }
    }
}
