//! Blocks: where they begin and end, whether they are whole, what they say.

use bytes::{Buf, Bytes, BytesMut};

use super::ImageError;
use super::record::Record;
use crate::wire::{Reader, Writer};

/// A block is closed when it has as many bytes.
pub(super) const FULL_BYTES: usize = 64 << 10;

/// The most bytes of a block: a full one and a record of the largest values.
const MAX_BYTES: usize = 8 << 20;

/// The bytes of a block before its records.
pub(super) const HEADER: usize = 8;

/// The bytes of a block of `records`, the one numbered `number`.
pub(super) fn encode(number: u64, records: impl Iterator<Item = Record>) -> Bytes {
    let mut out = BytesMut::with_capacity(FULL_BYTES + FULL_BYTES / 8);
    out.resize(HEADER, 0);
    for record in records {
        record.write(&mut Writer::new(&mut out));
        if out.len() >= FULL_BYTES {
            break;
        }
    }
    let length = u32::try_from(out.len() - HEADER).expect("a block is closed in time");
    let sum = checksum(number, &out[HEADER..]);
    out[..4].copy_from_slice(&length.to_le_bytes());
    out[4..HEADER].copy_from_slice(&sum.to_le_bytes());
    out.freeze()
}

/// Gives each record of the block numbered `number` to `take`; its checksum was found right.
pub(super) fn records(
    number: u64,
    mut from: Reader,
    mut take: impl FnMut(Record) -> Result<(), ImageError>,
) -> Result<(), ImageError> {
    while !from.is_empty() {
        let record = Record::read(&mut from);
        take(record.map_err(|source| ImageError::Record { block: number, source })?)?;
    }
    Ok(())
}

/// How many bytes at the beginning of `bytes` are whole blocks, of which the first is numbered
/// `first`, and how many blocks these are; their content is not looked at.
#[cfg(feature = "durable")]
pub(crate) fn whole(first: u64, bytes: &[u8]) -> Result<(usize, u64), ImageError> {
    let (mut end, mut count) = (0, 0);
    while let Some(header) = bytes.get(end..end + HEADER) {
        let length = u32::from_le_bytes(header[..4].try_into().expect("4 bytes")) as usize;
        if length > MAX_BYTES {
            return Err(ImageError::TooLarge { block: first + count });
        }
        if bytes.len() - end - HEADER < length {
            break;
        }
        end += HEADER + length;
        count += 1;
    }
    Ok((end, count))
}

fn checksum(number: u64, content: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), content)
}

/// Finds the blocks in bytes that are cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// What no block was made of yet.
    rest: Bytes,
    next: u64,
}

impl Blocks {
    /// Adds bytes; copies none where the blocks before were whole.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.rest = match self.rest.is_empty() {
            true => bytes,
            false => [&self.rest[..], &bytes].concat().into(),
        };
    }

    /// The content of the next block, if it is there as a whole.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Bytes)>, ImageError> {
        let Some((header, content)) = self.rest.split_at_checked(HEADER) else { return Ok(None) };
        let short = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("4 bytes"));
        let (length, sum) = (short(0) as usize, short(4));
        let block = self.next;
        if length > MAX_BYTES {
            return Err(ImageError::TooLarge { block });
        }
        let Some(content) = content.get(..length) else { return Ok(None) };
        if checksum(block, content) != sum {
            return Err(ImageError::Damaged { block });
        }
        self.rest.advance(HEADER);
        self.next += 1;
        Ok(Some((block, self.rest.split_to(length))))
    }

    /// Whether bytes are left that make no block.
    pub(crate) fn has_rest(&self) -> bool {
        !self.rest.is_empty()
    }
}
