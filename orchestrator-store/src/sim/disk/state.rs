//! All that a simulated disk is, behind its lock.

use std::collections::BTreeMap;
use std::io;

use super::DiskFault;
use super::folder::{FileId, Folder};
use super::inode::{Inode, SECTOR};
use crate::sim::coverage::{Coverage, Thing};
use crate::sim::trace::Digest;

/// How many sectors make a page, the larger of the two units that a crash tears between.
const PAGE: usize = 8;

/// The files, the faults to come, and the count of calls.
#[derive(Debug)]
pub(super) struct State {
    random: fastrand::Rng,
    folder: Folder,
    files: BTreeMap<FileId, Inode>,
    last_file: FileId,
    /// Which crash or kill came last; handles from before it are dead.
    life: u64,
    crashed: bool,
    /// The call being made ends with a crash.
    crashing: bool,
    locked: bool,
    calls: u64,
    failures: u64,
    due: Due,
    room: Option<u64>,
    digest: Digest,
    coverage: Coverage,
}

/// How many calls are left until each planned fault.
#[derive(Debug, Default)]
struct Due {
    crash: Countdown,
    sync: Countdown,
    read: Countdown,
    write: Countdown,
}

#[derive(Debug, Default)]
struct Countdown(Option<u64>);

impl Countdown {
    fn start(&mut self, calls: u64) {
        self.0 = Some(calls.max(1));
    }

    /// Counts one call; true if the fault is due in it.
    fn count(&mut self) -> bool {
        let Some(left) = &mut self.0 else { return false };
        *left -= 1;
        let due = *left == 0;
        if due {
            self.0 = None;
        }
        due
    }
}

/// An open file: which, and of which life.
pub(super) type Handle = (FileId, u64);

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            folder: Folder::default(),
            files: BTreeMap::new(),
            last_file: 0,
            life: 0,
            crashed: false,
            crashing: false,
            locked: false,
            calls: 0,
            failures: 0,
            due: Due::default(),
            room: None,
            digest: Digest::default(),
            coverage: Coverage::default(),
        }
    }

    pub(super) fn plan(&mut self, fault: DiskFault) -> bool {
        match fault {
            DiskFault::Crash(calls) => self.due.crash.start(calls),
            DiskFault::FailSync(calls) => self.due.sync.start(calls),
            DiskFault::FailRead(calls) => self.due.read.start(calls),
            DiskFault::FailWrite(calls) => self.due.write.start(calls),
            DiskFault::Room(room) => self.room = room,
            DiskFault::Flip(syncs) => return self.flip(syncs),
            DiskFault::None => self.due = Due::default(),
        }
        true
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    pub(super) fn life(&self) -> u64 {
        self.life
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest.value()
    }

    pub(super) fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    pub(super) fn is_crashed(&self) -> bool {
        self.crashed
    }

    pub(super) fn crash(&mut self) {
        self.crashed = true;
        self.let_go();
    }

    /// Ends the life of all handles and of the lock; faults to come are off, but for reads: these
    /// are made when a process starts.
    pub(super) fn let_go(&mut self) {
        self.life += 1;
        self.locked = false;
        self.due = Due { read: std::mem::take(&mut self.due.read), ..Due::default() };
    }

    pub(super) fn restart(&mut self) {
        if !std::mem::take(&mut self.crashed) {
            return;
        }
        let random = &mut self.random;
        let unit = if random.bool() { 1 } else { PAGE };
        // From "nearly nothing was written back" to "nearly everything".
        let luck = [2, 50, 98][random.usize(..3)];
        let in_order = random.bool();
        let names = self.folder.crash(in_order, || random.u32(..100) < luck);
        self.coverage.saw_many(Thing::NameLost, names);
        for file in self.files.values_mut() {
            let sectors = file.crash(unit, || random.u32(..100) < luck);
            self.coverage.saw_many(Thing::SectorLost, sectors);
        }
        self.let_go();
        self.forget_unnamed();
    }

    pub(super) fn replace(&mut self) {
        self.folder = Folder::default();
        self.files.clear();
        self.crashed = false;
        self.let_go();
    }

    pub(super) fn open(&mut self, name: &str, create: bool) -> io::Result<Handle> {
        self.call("open", name.len() as u64, |state| {
            if let Some(file) = state.folder.names.get(name) {
                return Ok((*file, state.life));
            }
            if !create {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.last_file += 1;
            state.files.insert(state.last_file, Inode::default());
            state.folder.add(name, state.last_file);
            Ok((state.last_file, state.life))
        })
    }

    pub(super) fn list(&mut self) -> io::Result<Vec<String>> {
        self.call("list", 0, |state| Ok(state.folder.names.keys().cloned().collect()))
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.call("rename", 0, |state| found(state.folder.rename(from, to)))
    }

    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.call("remove", 0, |state| found(state.folder.remove(name)))
    }

    pub(super) fn sync_dir(&mut self) -> io::Result<()> {
        self.call("sync_dir", 0, |state| {
            // A crash in a sync comes before its end: nothing was promised yet.
            if !state.crashing {
                state.folder.sync();
            }
            Ok(())
        })
    }

    pub(super) fn take_lock(&mut self) -> io::Result<u64> {
        self.call("lock", 0, |state| match std::mem::replace(&mut state.locked, true) {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => Ok(state.life),
        })
    }

    pub(super) fn unlock(&mut self, life: u64) {
        if life == self.life {
            self.locked = false;
        }
    }

    pub(super) fn read(
        &mut self,
        handle: Handle,
        offset: u64,
        into: &mut [u8],
    ) -> io::Result<usize> {
        self.call("read", offset, |state| {
            if state.due.read.count() {
                return Err(state.fail(Thing::ReadFailed));
            }
            Ok(state.file(handle)?.read(place(offset)?, into))
        })
    }

    pub(super) fn write(&mut self, handle: Handle, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.digest.add(bytes);
        self.call("write", offset, |state| {
            let offset = place(offset)?;
            if !state.fits(handle, (offset + bytes.len()) as u64)? {
                return Err(state.fail(Thing::DiskFull));
            }
            if state.due.write.count() {
                let written = state.random.usize(..=bytes.len());
                state.file(handle)?.write(offset, &bytes[..written]);
                return Err(state.fail(Thing::WriteFailed));
            }
            state.file(handle)?.write(offset, bytes);
            Ok(())
        })
    }

    pub(super) fn set_len(&mut self, handle: Handle, len: u64, reserve: bool) -> io::Result<()> {
        self.call("set_len", len, |state| {
            if reserve && !state.fits(handle, len)? {
                return Err(state.fail(Thing::DiskFull));
            }
            let file = state.file(handle)?;
            file.set_len(place(len)?);
            let kept = file.allocated.min(len);
            file.allocated = if reserve { len } else { kept };
            Ok(())
        })
    }

    pub(super) fn len(&mut self, handle: Handle) -> io::Result<u64> {
        self.call("len", handle.0, |state| Ok(state.file(handle)?.len() as u64))
    }

    pub(super) fn sync(&mut self, handle: Handle) -> io::Result<()> {
        self.call("sync", handle.0, |state| {
            if state.due.sync.count() {
                let file = live(&mut state.files, state.life, handle)?;
                file.fail_sync(|| state.random.bool());
                return Err(state.fail(Thing::SyncFailed));
            }
            if state.crashing {
                return Ok(());
            }
            state.file(handle)?.sync();
            Ok(())
        })
    }

    /// Makes a call: counts it, fails where there is no power, ends it with a crash that is due.
    fn call<T>(
        &mut self,
        what: &'static str,
        number: u64,
        effect: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.crashed {
            return Err(io::Error::other("the power is off"));
        }
        self.calls += 1;
        self.digest.add(what.as_bytes());
        self.digest.add(&number.to_le_bytes());
        self.crashing = self.due.crash.count();
        let done = effect(self);
        if std::mem::take(&mut self.crashing) {
            self.coverage.saw(Thing::PowerInCall);
            self.crash();
            return Err(io::Error::other("the power failed"));
        }
        done
    }

    fn file(&mut self, handle: Handle) -> io::Result<&mut Inode> {
        live(&mut self.files, self.life, handle)
    }

    /// Whether the disk has room for the file of `handle` to be `len` bytes long.
    fn fits(&mut self, handle: Handle, len: u64) -> io::Result<bool> {
        let more = len.saturating_sub(self.file(handle)?.allocated);
        let Some(room) = self.room else { return Ok(true) };
        Ok(more == 0 || self.used() + more <= room)
    }

    /// The bytes of all files that have a name.
    pub(super) fn used(&self) -> u64 {
        let named = self.folder.names.values().filter_map(|file| self.files.get(file));
        named.map(|inode| inode.allocated).sum()
    }

    /// Counts a failure.
    fn fail(&mut self, what: Thing) -> io::Error {
        self.failures += 1;
        self.coverage.saw(what);
        match what {
            Thing::DiskFull => io::ErrorKind::StorageFull.into(),
            _ => io::Error::other(format!("simulated: {}", what.label())),
        }
    }

    fn flip(&mut self, syncs: u64) -> bool {
        let names: Vec<FileId> = self.folder.names.values().copied().collect();
        let settled = names.iter().flat_map(|id| {
            let sectors = self.files.get(id).map(|file| file.settled(syncs)).unwrap_or_default();
            sectors.into_iter().map(|sector| (*id, sector))
        });
        let settled: Vec<(FileId, usize)> = settled.collect();
        let Some((file, sector)) = self.random.choice(settled) else { return false };
        let byte = sector * SECTOR + self.random.usize(..SECTOR);
        let bit = self.random.u8(..8);
        self.files.get_mut(&file).expect("just looked at").flip(byte, bit);
        self.coverage.saw(Thing::BitFlipped);
        true
    }

    fn forget_unnamed(&mut self) {
        let folder = &self.folder;
        self.files.retain(|file, _| folder.knows(*file));
    }
}

/// The file of a handle that is of this life.
fn live(
    files: &mut BTreeMap<FileId, Inode>,
    now: u64,
    (file, life): Handle,
) -> io::Result<&mut Inode> {
    if life != now {
        return Err(io::Error::other("the file was open before the process ended"));
    }
    Ok(files.get_mut(&file).expect("a file that is open is kept"))
}

fn found(found: bool) -> io::Result<()> {
    if found { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// `offset` as an index; a simulated file is small.
fn place(offset: u64) -> io::Result<usize> {
    const LARGEST: u64 = 1 << 30;
    match offset {
        0..=LARGEST => Ok(usize::try_from(offset).expect("a gibibyte is a length")),
        _ => Err(io::ErrorKind::FileTooLarge.into()),
    }
}
