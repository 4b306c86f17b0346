//! Fuzz targets: what stands in the files of checkpoints and of records.

use std::io;
use std::sync::Arc;

use super::load;
use crate::disk::{Disk, DiskFile};
use crate::image::Importer;
use crate::mvcc::Limits;
use crate::wal::load_record;

/// Loads `data` as a checkpoint.
///
/// # Panics
/// It is taken though an image of the same bytes is refused, or the other way round.
pub fn fuzz_checkpoint(data: &[u8]) {
    let loaded = load(&OneFile(data.into()), 1, Limits::default());
    let mut importer = Importer::new(Limits::default());
    let pushed = importer.push(bytes::Bytes::copy_from_slice(data));
    let imported = pushed.and_then(|()| importer.finish());
    assert_eq!(loaded.is_ok(), imported.is_ok(), "{:?} {:?}", loaded.err(), imported.err());
}

/// Loads `data` as a record.
///
/// # Panics
/// What is taken is longer than the file.
pub fn fuzz_record(data: &[u8]) {
    if let Ok(Some(content)) = load_record(&OneFile(data.into()), "record") {
        assert!(content.len() < data.len());
    }
}

/// A disk on which every file holds the same, and nothing can be changed.
#[derive(Clone, Debug)]
struct OneFile(Arc<[u8]>);

fn fixed<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for OneFile {
    fn open(&self, _: &str, _: bool) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(self.clone()))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(vec![super::name(1)])
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        fixed()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        fixed()
    }

    fn sync_dir(&self) -> io::Result<()> {
        fixed()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        Ok(Box::new(()))
    }
}

impl DiskFile for OneFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = self.0.get(start..).unwrap_or_default();
        let length = found.len().min(into.len());
        into[..length].copy_from_slice(&found[..length]);
        Ok(length)
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        fixed()
    }

    fn set_len(&self, _: u64, _: bool) -> io::Result<()> {
        fixed()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        fixed()
    }
}
