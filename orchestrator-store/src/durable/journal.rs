//! The log with the lock on its folder: what a batch is written to, on a thread that may block.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::disk::Disk;
use crate::wal::{Entry, Wal};

/// The log, and the right to write it.
pub(super) struct Journal {
    pub(super) wal: Wal,
    pub(super) disk: Arc<dyn Disk>,
    /// Released when the last write has ended, even if the store was dropped during it.
    pub(super) _lock: Box<dyn Send + Sync>,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) enum Committed {
    /// It is safe; `reserve` tells whether there is space for more.
    Safe { reserve: bool },
    /// Nothing of it was written: the disk is full.
    Full,
    /// It may or may not be there; the log is finished.
    Failed(io::Error),
}

impl Journal {
    /// Writes `entries` and makes them safe.
    pub(super) fn commit(&mut self, entries: &[Entry]) -> Committed {
        match self.wal.append(entries) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return Committed::Full,
            Err(error) => return Committed::Failed(error),
            Ok(()) => {}
        }
        match self.wal.sync() {
            Ok(()) => Committed::Safe { reserve: self.wal.has_reserve() },
            Err(error) => Committed::Failed(error),
        }
    }
}

/// Sizes that others want to know.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    /// Bytes of the log, with what is reserved.
    pub(super) log: AtomicU64,
    /// Bytes of the checkpoints.
    pub(super) checkpoints: AtomicU64,
}

impl Sizes {
    pub(super) fn total(&self) -> u64 {
        self.log.load(Ordering::Relaxed) + self.checkpoints.load(Ordering::Relaxed)
    }
}
