//! Checkpoints: images in files, each named after the log entry applied last.
//!
//! A checkpoint is written beside its name, synced and renamed, so that a name stands for a whole
//! one. Writing goes in steps, between which others use the disk. Loading reads on one thread and
//! builds on another.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod load;
#[cfg(test)]
mod tests;
mod write;

pub use load::load;
pub use write::Writing;

use crate::disk::Disk;
use crate::wal::OpenError;

/// What the names of checkpoints begin with.
const PREFIX: &str = "checkpoint-";

/// A checkpoint that is being written.
const NEW: &str = "checkpoint.new";

/// The name of the checkpoint after the log entry `index`.
pub fn name(index: u64) -> String {
    format!("{PREFIX}{index:016x}")
}

/// The indexes of all checkpoints, oldest first.
///
/// # Errors
/// The disk failed.
pub fn list(disk: &dyn Disk) -> Result<Vec<u64>, OpenError> {
    let names = disk.list().map_err(OpenError::io("the data folder"))?;
    let index = |found: String| {
        let index = u64::from_str_radix(found.strip_prefix(PREFIX)?, 16).ok()?;
        (name(index) == found).then_some(index)
    };
    let mut found: Vec<_> = names.into_iter().filter_map(index).collect();
    found.sort_unstable();
    Ok(found)
}

/// Removes the checkpoints in `indexes`, and what is left of one that was never finished.
///
/// # Errors
/// The disk failed.
pub fn remove(disk: &dyn Disk, indexes: &[u64]) -> std::io::Result<()> {
    indexes.iter().try_for_each(|index| disk.remove(&name(*index)))?;
    match disk.remove(NEW) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => disk.sync_dir(),
    }
}
