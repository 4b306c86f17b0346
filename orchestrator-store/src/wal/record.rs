//! Small files that are replaced as a whole: a vote, what a member knows of itself.

use std::io;

use bytes::Bytes;

use super::{Damage, OpenError};
use crate::disk::Disk;
use crate::planted::{Fault, Planted};

/// What every record begins with.
const MAGIC: [u8; 8] = *b"orchrec\x01";

/// The bytes before the content.
const HEADER: usize = 16;

/// The most bytes of a record.
const MAX_BYTES: usize = 1 << 20;

/// Replaces the record `name`, safely: after a crash there is the old one or the new one.
///
/// # Errors
/// Whatever the disk says; which of the two is there is then unknown.
pub fn store_record(
    disk: &dyn Disk,
    name: &str,
    content: &[u8],
    planted: Planted,
) -> io::Result<()> {
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(HEADER + content.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(content).to_le_bytes());
    bytes.extend_from_slice(content);
    let new = format!("{name}.new");
    let file = disk.open(&new, true)?;
    file.set_len(0, false)?;
    file.write_at(0, &bytes)?;
    file.sync()?;
    disk.rename(&new, name)?;
    if planted.has(Fault::SkipDirSync) { Ok(()) } else { disk.sync_dir() }
}

/// The record `name`, if there is one.
///
/// # Errors
/// It is damaged, or the disk failed.
pub fn load_record(disk: &dyn Disk, name: &str) -> Result<Option<Bytes>, OpenError> {
    let file = match disk.open(name, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(OpenError::io(name))?,
    };
    let length = file.size().map_err(OpenError::io(name))?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(MAX_BYTES).min(MAX_BYTES)];
    let read = file.read_at(0, &mut bytes).map_err(OpenError::io(name))?;
    bytes.truncate(read);
    match content(&bytes) {
        Some(content) => Ok(Some(Bytes::copy_from_slice(content))),
        None => Err(OpenError::damaged(name, 0, Damage::Checksum)),
    }
}

/// The content of a record's file, if it is whole.
pub(super) fn content(bytes: &[u8]) -> Option<&[u8]> {
    let (header, content) = bytes.split_at_checked(HEADER)?;
    let short = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("4 bytes"));
    let good = header[..8] == MAGIC
        && short(8) as usize == content.len()
        && short(12) == crc32c::crc32c(content);
    good.then_some(content)
}
