//! Loads a checkpoint: one thread reads, another checks, decodes and builds.
//!
//! The two are about equally busy. What is read lies in a few buffers that go round, for memory
//! that was never used costs more to touch than the bytes in it cost to check.

use std::sync::mpsc;

use bytes::{Bytes, BytesMut};

use super::name;
use crate::disk::{Disk, DiskFile};
use crate::image::{Blocks, Building, ImageError, whole};
use crate::mvcc::{Limits, Mvcc};
use crate::wal::{Damage, OpenError};
use crate::wire::Reader;

/// How much is read at a time.
const READ_BYTES: usize = 1 << 20;

/// How many pieces may wait to be built: enough that neither thread waits for the other's pauses.
const MAX_WAITING: usize = 8;

/// The state after the log entry `index`, and what its engine wrote beside it.
///
/// # Errors
/// The checkpoint is damaged, or the disk failed.
pub fn load(disk: &dyn Disk, index: u64, limits: Limits) -> Result<(Mvcc, Bytes), OpenError> {
    let name = name(index);
    let file = disk.open(&name, false).map_err(OpenError::io(&name))?;
    let (sender, receiver) = mpsc::sync_channel(MAX_WAITING);
    let (used, free) = mpsc::channel();
    std::thread::scope(|scope| {
        let building = scope.spawn(move || build(limits, &receiver, &used));
        // Whether the builder went away early, it tells below.
        let read = read(&*file, &free, |piece| sender.send(piece).is_ok());
        drop(sender);
        let built = building.join().expect("building does not panic");
        match (read, built) {
            (Ok(()), Ok(built)) => Ok(built),
            (Err(Failure::Io(error)), _) => Err(OpenError::io(&name)(error)),
            (Err(Failure::Image(error)), _) | (Ok(()), Err(error)) => Err(damaged(&name, &error)),
        }
    })
}

/// Why a file could not be read.
enum Failure {
    Io(std::io::Error),
    Image(ImageError),
}

/// Reads `file` and gives its blocks to `give`, as many as a buffer holds, until that says no.
fn read(
    file: &dyn DiskFile,
    free: &mpsc::Receiver<BytesMut>,
    mut give: impl FnMut(Bytes) -> bool,
) -> Result<(), Failure> {
    let (mut offset, mut blocks) = (0, 0);
    let mut size = READ_BYTES;
    loop {
        let mut bytes = free.try_recv().unwrap_or_default();
        bytes.resize(size, 0);
        let read = file.read_at(offset, &mut bytes).map_err(Failure::Io)?;
        // What is cut is read again from its beginning, which copies less than joining.
        let (end, count) = whole(blocks, &bytes[..read]).map_err(Failure::Image)?;
        match (end, read < size) {
            (end, true) if end < read => return Err(Failure::Image(ImageError::Incomplete)),
            (0, true) => return Ok(()),
            // A block is longer than what is read at a time.
            (0, false) => size *= 2,
            _ => {
                size = READ_BYTES;
                bytes.truncate(end);
                if !give(bytes.freeze()) {
                    return Ok(());
                }
            }
        }
        offset += end as u64;
        blocks += count;
    }
}

/// Builds what the pieces say, and gives the buffers back.
fn build(
    limits: Limits,
    pieces: &mpsc::Receiver<Bytes>,
    used: &mpsc::Sender<BytesMut>,
) -> Result<(Mvcc, Bytes), ImageError> {
    let mut building = Building::new(limits);
    let mut blocks = Blocks::default();
    for piece in pieces {
        blocks.push(piece.clone());
        while let Some((number, content)) = blocks.next()? {
            building.take(number, Reader::apart(content))?;
        }
        if let Ok(buffer) = piece.try_into_mut() {
            // Who reads may have come to the end.
            let _ = used.send(buffer);
        }
    }
    building.finish()
}

fn damaged(name: &str, error: &ImageError) -> OpenError {
    tracing::warn!(name, %error, "a checkpoint is damaged");
    let damage = match error {
        ImageError::Damaged { .. } => Damage::Checksum,
        ImageError::Incomplete => Damage::Missing,
        _ => Damage::Content,
    };
    OpenError::damaged(name, 0, damage)
}
