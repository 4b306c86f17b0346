//! Writes a checkpoint step by step.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::{NEW, name};
use crate::disk::{Disk, DiskFile};
use crate::image::export;
use crate::mvcc::Mvcc;
use crate::planted::{Fault, Planted};

/// How much is written in a step: little enough that a write of the log waits only a moment for
/// the disk.
const STEP_BYTES: usize = 4 << 20;

/// A checkpoint that is being written.
pub struct Writing {
    disk: Arc<dyn Disk>,
    file: Box<dyn DiskFile>,
    blocks: Box<dyn Iterator<Item = Bytes> + Send>,
    index: u64,
    written: u64,
    planted: Planted,
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Writing");
        shown.field("index", &self.index).field("written", &self.written).finish_non_exhaustive()
    }
}

impl Writing {
    /// Begins the checkpoint of `mvcc`, a fork made after the log entry `index`.
    ///
    /// # Errors
    /// The disk failed, or is full.
    pub fn begin(
        disk: Arc<dyn Disk>,
        index: u64,
        mvcc: Mvcc,
        meta: Bytes,
        planted: Planted,
    ) -> io::Result<Self> {
        let file = disk.open(NEW, true)?;
        file.set_len(0, false)?;
        let blocks = Box::new(export(mvcc, meta));
        Ok(Self { disk, file, blocks, index, written: 0, planted })
    }

    /// Writes some more; false when everything is written and safe.
    ///
    /// # Errors
    /// The disk failed, or is full; the checkpoint is then given up.
    pub fn step(&mut self) -> io::Result<bool> {
        let start = self.written;
        while self.written - start < STEP_BYTES as u64 {
            let Some(block) = self.blocks.next() else {
                self.finish()?;
                return Ok(false);
            };
            self.file.write_at(self.written, &block)?;
            self.written += block.len() as u64;
        }
        // Bit by bit, so that no sync of the log ever waits for all of it.
        self.file.sync()?;
        Ok(true)
    }

    /// How many bytes have been written.
    pub fn written(&self) -> u64 {
        self.written
    }

    fn finish(&mut self) -> io::Result<()> {
        self.file.sync()?;
        self.disk.rename(NEW, &name(self.index))?;
        if self.planted.has(Fault::SkipDirSync) { Ok(()) } else { self.disk.sync_dir() }
    }
}
