//! A disk in memory that loses what was not synced, tears, fills up, fails and rots.
//!
//! All calls act at once and in one order, which numbers them. A crash is asked for by a call's
//! number or comes from outside; from then on every call fails, until [`SimDisk::restart`] decides
//! from the seed what survived: each sector that was not synced is there or is not, on its own or
//! in pages of eight, and so is each name. A killed process ([`SimDisk::kill`]) leaves everything,
//! but no safer than it was.

mod folder;
mod inode;
mod state;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, DiskFile};
use state::State;

/// A simulated disk; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// What comes next to go wrong on a [`SimDisk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskFault {
    /// Power fails at the call of this number, counted from now, 1 being the next: its effect may
    /// be there.
    Crash(u64),
    /// The sync of this number, counted from now, fails and gives up what it should have kept.
    FailSync(u64),
    /// The read of this number, counted from now, fails once.
    FailRead(u64),
    /// The write of this number, counted from now, fails once, half done.
    FailWrite(u64),
    /// There are this many bytes of room, all files together; `None` for no limit.
    Room(Option<u64>),
    /// One bit of what was safe for at least this many syncs changes now, where there is any.
    Flip(u64),
}

impl SimDisk {
    /// An empty disk whose fates follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(seed))) }
    }

    /// Plans a fault; true unless it found nothing to do.
    pub fn plan(&self, fault: DiskFault) -> bool {
        self.state.lock().plan(fault)
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.state.lock().calls()
    }

    /// Power fails now.
    pub fn crash(&self) {
        self.state.lock().crash();
    }

    /// Whether power has failed.
    pub fn is_crashed(&self) -> bool {
        self.state.lock().is_crashed()
    }

    /// The process that uses the disk is killed: its files and its lock are let go.
    pub fn kill(&self) {
        self.state.lock().let_go();
    }

    /// Power comes back after a crash; what was not safe meets its fate.
    pub fn restart(&self) {
        self.state.lock().restart();
    }

    /// Everything is lost: the disk is a new one.
    pub fn replace(&self) {
        self.state.lock().replace();
    }

    /// A number that stands for all calls so far and what they did.
    pub fn digest(&self) -> u64 {
        self.state.lock().digest()
    }
}

impl Disk for SimDisk {
    fn open(&self, name: &str, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let (file, life) = self.state.lock().open(name, create)?;
        Ok(Box::new(SimFile { state: Arc::clone(&self.state), file, life }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.state.lock().list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state.lock().rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.state.lock().remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.state.lock().sync_dir()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let life = self.state.lock().take_lock()?;
        Ok(Box::new(Lock { state: Arc::clone(&self.state), life }))
    }
}

/// An open file of one life of the disk; after a crash or a kill it only fails.
struct SimFile {
    state: Arc<Mutex<State>>,
    file: folder::FileId,
    life: u64,
}

impl DiskFile for SimFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.state.lock().read((self.file, self.life), offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.state.lock().write((self.file, self.life), offset, bytes)
    }

    fn set_len(&self, len: u64, reserve: bool) -> io::Result<()> {
        self.state.lock().set_len((self.file, self.life), len, reserve)
    }

    fn len(&self) -> io::Result<u64> {
        self.state.lock().len((self.file, self.life))
    }

    fn sync(&self) -> io::Result<()> {
        self.state.lock().sync((self.file, self.life))
    }
}

/// Holds the folder for one life of the disk.
struct Lock {
    state: Arc<Mutex<State>>,
    life: u64,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.state.lock().unlock(self.life);
    }
}
