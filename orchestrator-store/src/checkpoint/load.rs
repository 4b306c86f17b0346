//! Loads a checkpoint: reads and decodes on one thread, builds on another.

use std::sync::mpsc;

use bytes::{Bytes, BytesMut};

use super::name;
use crate::disk::{Disk, DiskFile};
use crate::image::{Blocks, Building, ImageError, Records, decode};
use crate::mvcc::{Limits, Mvcc};
use crate::wal::{Damage, OpenError};

/// How much is read at a time.
const READ_BYTES: usize = 1 << 20;

/// How many decoded blocks may wait to be built.
const MAX_WAITING: usize = 64;

/// The state after the log entry `index`, and what its engine wrote beside it.
///
/// # Errors
/// The checkpoint is damaged, or the disk failed.
pub fn load(disk: &dyn Disk, index: u64, limits: Limits) -> Result<(Mvcc, Bytes), OpenError> {
    let name = name(index);
    let file = disk.open(&name, false).map_err(OpenError::io(&name))?;
    let (sender, receiver) = mpsc::sync_channel(MAX_WAITING);
    std::thread::scope(|scope| {
        let building = scope.spawn(move || build(limits, &receiver));
        // Whether the builder went away early, it tells below.
        let read = read(&*file, |records| sender.send(records).is_ok());
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

/// Reads `file` and gives its blocks to `give` until that says no.
fn read(file: &dyn DiskFile, mut give: impl FnMut((u64, Records)) -> bool) -> Result<(), Failure> {
    let mut blocks = Blocks::default();
    let mut offset = 0;
    let mut size = READ_BYTES;
    loop {
        let mut bytes = BytesMut::zeroed(size);
        let read = file.read_at(offset, &mut bytes).map_err(Failure::Io)?;
        bytes.truncate(read);
        blocks.push(bytes.freeze());
        while let Some((number, content)) = blocks.next().map_err(Failure::Image)? {
            let records = decode(number, content).map_err(Failure::Image)?;
            if !give((number, records)) {
                return Ok(());
            }
        }
        // A block that was cut is read again from its beginning, which copies less than joining.
        let rest = blocks.give_up_rest();
        offset += (read - rest) as u64;
        match (rest, read < size) {
            (0, true) => return Ok(()),
            (_, true) => return Err(Failure::Image(ImageError::Incomplete)),
            // It is longer than what is read at a time.
            (rest, false) if rest == size => size *= 2,
            (_, false) => size = READ_BYTES,
        }
    }
}

fn build(
    limits: Limits,
    blocks: &mpsc::Receiver<(u64, Records)>,
) -> Result<(Mvcc, Bytes), ImageError> {
    let mut building = Building::new(limits);
    for (number, records) in blocks {
        building.take(number, records)?;
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
