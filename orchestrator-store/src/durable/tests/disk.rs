//! A folder of the host that fails when it is told to.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::disk::{Disk, DiskFile, Files};

/// What goes wrong, and how often the disk was synced.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) sync_fails: AtomicBool,
    pub(super) full: AtomicBool,
    pub(super) syncs: AtomicUsize,
}

#[derive(Debug)]
pub(super) struct Faulty {
    inner: Files,
    pub(super) faults: Arc<Faults>,
}

struct File {
    inner: Box<dyn DiskFile>,
    faults: Arc<Faults>,
}

impl Faulty {
    pub(super) fn new(folder: &Path) -> Self {
        Self { inner: Files::new(folder).unwrap(), faults: Arc::default() }
    }
}

impl Disk for Faulty {
    fn open(&self, name: &str, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.inner.open(name, create)?;
        Ok(Box::new(File { inner, faults: Arc::clone(&self.faults) }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.inner.sync_dir()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.inner.lock()
    }
}

impl DiskFile for File {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64, reserve: bool) -> io::Result<()> {
        if reserve && self.faults.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.set_len(len, reserve)
    }

    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }

    fn sync(&self) -> io::Result<()> {
        self.faults.syncs.fetch_add(1, Ordering::SeqCst);
        if self.faults.sync_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is broken"));
        }
        self.inner.sync()
    }
}
