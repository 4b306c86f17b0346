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
use tokio::sync::Notify;

use super::coverage::Coverage;
use crate::disk::{Disk, DiskFile};
use state::State;

/// A simulated disk; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    events: Arc<Events>,
    /// The only life in which this clone can be used as a [`Disk`].
    life: Option<u64>,
}

/// Wakes those who wait for something to go wrong.
#[derive(Debug, Default)]
struct Events {
    crashed: Notify,
    failed: Notify,
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
    /// What was planned and has not happened is called off, the limit of room aside.
    None,
}

impl SimDisk {
    /// An empty disk whose fates follow from `seed`.
    pub fn new(seed: u64) -> Self {
        let state = Arc::new(Mutex::new(State::new(seed)));
        Self { state, events: Arc::default(), life: None }
    }

    /// The same disk for a process that starts now: useless after the next crash or kill.
    #[must_use]
    pub fn attach(&self) -> Self {
        Self { life: Some(self.state.lock().life()), ..self.clone() }
    }

    /// Plans a fault; true unless it found nothing to do.
    pub fn plan(&self, fault: DiskFault) -> bool {
        self.state.lock().plan(fault)
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.state.lock().calls()
    }

    /// How many calls failed as planned, or for want of room.
    pub fn failures(&self) -> u64 {
        self.state.lock().failures()
    }

    /// How many bytes the files take.
    pub fn used(&self) -> u64 {
        self.state.lock().used()
    }

    /// Power fails now.
    pub fn crash(&self) {
        self.state.lock().crash();
        self.events.crashed.notify_waiters();
    }

    /// Whether power has failed.
    pub fn is_crashed(&self) -> bool {
        self.state.lock().is_crashed()
    }

    /// Waits until power fails; returns at once where it has failed.
    pub async fn crashed(&self) {
        let crashed = self.events.crashed.notified();
        let mut crashed = std::pin::pin!(crashed);
        crashed.as_mut().enable();
        if !self.is_crashed() {
            crashed.await;
        }
    }

    /// Waits until there are more than `failures` failures.
    pub async fn failed(&self, failures: u64) {
        loop {
            let failed = self.events.failed.notified();
            let mut failed = std::pin::pin!(failed);
            failed.as_mut().enable();
            if self.failures() > failures {
                return;
            }
            failed.await;
        }
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

    /// What has gone wrong so far.
    pub fn coverage(&self) -> Coverage {
        self.state.lock().coverage().clone()
    }

    /// Makes a call, and tells those who wait what went wrong in it.
    fn call<T>(&self, call: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        if self.life.is_some_and(|life| life != state.life()) {
            return Err(io::Error::other("the process that used the disk has ended"));
        }
        let failures = state.failures();
        let done = call(&mut state);
        let (crashed, failed) = (state.is_crashed(), state.failures() > failures);
        drop(state);
        if crashed {
            self.events.crashed.notify_waiters();
        }
        if failed {
            self.events.failed.notify_waiters();
        }
        done
    }
}

impl Disk for SimDisk {
    fn open(&self, name: &str, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let handle = self.call(|state| state.open(name, create))?;
        Ok(Box::new(SimFile { disk: self.clone(), handle }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.call(State::list)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.call(|state| state.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call(|state| state.remove(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.call(State::sync_dir)
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let life = self.call(State::take_lock)?;
        Ok(Box::new(Lock { state: Arc::clone(&self.state), life }))
    }
}

/// An open file of one life of the disk; after a crash or a kill it only fails.
struct SimFile {
    disk: SimDisk,
    handle: state::Handle,
}

impl DiskFile for SimFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.disk.call(|state| state.read(self.handle, offset, into))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.call(|state| state.write(self.handle, offset, bytes))
    }

    fn set_len(&self, len: u64, reserve: bool) -> io::Result<()> {
        self.disk.call(|state| state.set_len(self.handle, len, reserve))
    }

    fn size(&self) -> io::Result<u64> {
        self.disk.call(|state| state.len(self.handle))
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.call(|state| state.sync(self.handle))
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
