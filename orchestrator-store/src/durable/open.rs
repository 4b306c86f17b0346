//! Opens a store: the newest good checkpoint, then the log after it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use orchestrator_core::Env;
use orchestrator_core::env::Tasks;
use parking_lot::Mutex;

pub use crate::wal::OpenError;

use super::apply::Applier;
use super::checkpointer::Checkpointer;
use super::entry::Request;
use super::journal::{Journal, Sizes};
use super::queue::{Proposal, Queue};
use super::state::State;
use super::writer::Writer;
use super::{Builder, DurableStore, Shared, keeper};
use crate::checkpoint;
use crate::disk::Disk;
use crate::mvcc::{Limits, Mvcc};
use crate::planted::Fault;
use crate::replica::Replica;
use crate::wal::{self, Damage, Entry, Wal};
use crate::wire::{Reader, WireError, Writer as WireWriter};

/// The record of what never changes.
pub(super) const IDENTITY: &str = "store";

/// How many entries go to the thread that applies them at a time.
const REPLAYED_AT_A_TIME: usize = 256;

/// How many times as many may wait for it.
const MAX_WAITING: usize = 16;

/// How much of the time that leases have is lost with [`Fault::LeaseTimeLost`].
const LOST_TIME: Duration = Duration::from_secs(10);

/// What is decided when a store is made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Identity {
    pub(super) cluster: u64,
    pub(super) name: String,
    salt: u64,
}

/// What is found on disk.
struct Found {
    identity: Identity,
    journal: Journal,
    mvcc: Mvcc,
    state: State,
    checkpoints: Vec<u64>,
    checkpoint_bytes: u64,
    /// How much of the log came after the newest checkpoint.
    replayed_bytes: u64,
}

/// Opens the store that `options` describe.
pub(super) async fn open(
    options: Builder,
    disk: Arc<dyn Disk>,
    env: Env,
) -> Result<DurableStore, OpenError> {
    let fresh = Identity::new(&options, &env);
    let asked = options.clone();
    let found = env.blocking(move || find(&asked, disk, fresh)).await?;
    Ok(start(options, found, env))
}

/// Starts the parts of a store.
fn start(options: Builder, found: Found, env: Env) -> DurableStore {
    let Found { identity, journal, mvcc, state, checkpoints, checkpoint_bytes, replayed_bytes } =
        found;
    let lost = options.logged.planted.has(Fault::LeaseTimeLost);
    let base = state.at + if lost { LOST_TIME } else { Duration::ZERO };
    let replica = Replica::resumed(env.clone(), base, mvcc, options.common.keep_history)
        .planted(options.logged.planted);
    let sizes = Sizes::default();
    sizes.log.store(journal.wal.disk_bytes(), Ordering::Relaxed);
    sizes.checkpoints.store(checkpoint_bytes, Ordering::Relaxed);
    let (queue, receiver) = Queue::new();
    let told = state.limits.as_ref() == Some(&options.common.limits);
    let disk = Arc::clone(&journal.disk);
    let shared = Arc::new(Shared {
        env: env.clone(),
        replica: Arc::new(replica),
        queue,
        state: Mutex::new(state),
        sizes,
        identity,
    });
    let checkpointer = Arc::new(Checkpointer::new(disk, &options, checkpoints));
    let applier = Applier::new(Arc::clone(&shared), Arc::clone(&checkpointer), replayed_bytes);
    let mut writer =
        Writer::new(Arc::clone(&shared), journal, receiver, applier, options.logged.planted);
    if !told {
        let limits = Request::Limits(options.common.limits);
        writer.first(Proposal::internal(limits).expect("limits always encode"));
    }
    let mut tasks = Tasks::new();
    tasks.push(env.spawn("store-keeper", keeper::run(Arc::clone(&shared))));
    tasks.push(env.spawn("store-checkpointer", checkpointer.run(Arc::clone(&shared))));
    let writer = env.spawn("store-writer", writer.run());
    DurableStore { shared, writer: Mutex::new(Some(writer)), _tasks: tasks }
}

/// Reads what is on disk, or begins there.
fn find(options: &Builder, disk: Arc<dyn Disk>, fresh: Identity) -> Result<Found, OpenError> {
    let lock = lock(&*disk)?;
    let identity = identity(options, &*disk, fresh)?;
    let checkpoints = checkpoint::list(&*disk)?;
    let (mvcc, state) = newest_good(&*disk, &checkpoints)?;
    let mut wal_options =
        wal::Options::new(identity.cluster, identity.salt).planted(options.logged.planted);
    if let Some(bytes) = options.logged.segment_bytes {
        wal_options = wal_options.segment_bytes(bytes);
    }
    let loaded = state.index;
    let (wal, replayed) = replay(Arc::clone(&disk), wal_options, mvcc, state)?;
    let Replaying { mvcc, state, bytes: replayed_bytes } = replayed;
    let reaches = wal.first_index() <= loaded + 1 && wal.next_index() > loaded;
    if !reaches {
        return Err(OpenError::damaged("the log", 0, Damage::Missing));
    }
    let unused: Vec<u64> = checkpoints.iter().copied().filter(|index| *index > loaded).collect();
    checkpoint::remove(&*disk, &unused).map_err(OpenError::io("a checkpoint"))?;
    let checkpoints: Vec<u64> = checkpoints.into_iter().filter(|i| *i <= loaded).collect();
    let checkpoint_bytes = checkpoints.iter().map(|index| length(&*disk, *index)).sum();
    let journal = Journal { wal, disk, _lock: lock };
    Ok(Found { identity, journal, mvcc, state, checkpoints, checkpoint_bytes, replayed_bytes })
}

/// Keeps other processes away.
pub(super) fn lock(disk: &dyn Disk) -> Result<Box<dyn Send + Sync>, OpenError> {
    disk.lock().map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => OpenError::InUse(error),
        _ => OpenError::io("the lock")(error),
    })
}

fn length(disk: &dyn Disk, checkpoint: u64) -> u64 {
    let file = disk.open(&checkpoint::name(checkpoint), false);
    file.and_then(|file| file.size()).unwrap_or(0)
}

/// The identity on disk, or a new one where nothing is there yet.
fn identity(options: &Builder, disk: &dyn Disk, fresh: Identity) -> Result<Identity, OpenError> {
    if let Some(record) = wal::load_record(disk, IDENTITY)? {
        let damaged = |_| OpenError::damaged(IDENTITY, 0, Damage::Content);
        return Identity::decode(record).map_err(damaged);
    }
    let used = disk.list().map_err(OpenError::io("the data folder"))?;
    // The identity is the first file to become safe: others without it are what is left of more.
    if used.iter().any(|name| name.starts_with("log-0") || name.starts_with("checkpoint-")) {
        return Err(OpenError::damaged(IDENTITY, 0, Damage::Missing));
    }
    wal::store_record(disk, IDENTITY, &fresh.encode(), options.logged.planted)
        .map_err(OpenError::io(IDENTITY))?;
    Ok(fresh)
}

/// The state of the newest checkpoint that is good; nothing where there was never one.
fn newest_good(disk: &dyn Disk, checkpoints: &[u64]) -> Result<(Mvcc, State), OpenError> {
    let mut failure = None;
    for index in checkpoints.iter().rev() {
        match checkpoint::load(disk, *index, Limits::default()) {
            Ok((mut mvcc, meta)) => {
                let damaged = |_| OpenError::damaged(&checkpoint::name(*index), 0, Damage::Content);
                let state = State::decode(meta).map_err(damaged)?;
                mvcc.set_limits(state.limits.clone().unwrap_or_default());
                return Ok((mvcc, state));
            }
            Err(error) => drop(failure.get_or_insert(error)),
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok((Mvcc::new(Limits::default()), State::default())),
    }
}

/// An entry of the log as it is applied again.
struct Replayed {
    index: u64,
    /// The time of a command.
    at: Option<Duration>,
    request: Request,
    bytes: u64,
}

/// An entry that cannot be read, by its index.
type Unreadable = (u64, WireError);

/// Opens the log and applies what comes after `state`: one thread reads and decodes, another
/// applies.
fn replay(
    disk: Arc<dyn Disk>,
    options: wal::Options,
    mvcc: Mvcc,
    state: State,
) -> Result<(Wal, Replaying), OpenError> {
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Vec<Replayed>>(MAX_WAITING);
    let loaded = state.index;
    std::thread::scope(|scope| {
        let applying = scope.spawn(move || {
            let mut replaying = Replaying { mvcc, state, bytes: 0 };
            receiver.into_iter().flatten().for_each(|entry| replaying.apply(entry));
            replaying
        });
        let mut waiting = Vec::with_capacity(REPLAYED_AT_A_TIME);
        let mut unreadable = None;
        let opened = Wal::open_after(disk, options, loaded, |entry| {
            if entry.index <= loaded || unreadable.is_some() {
                return;
            }
            match Replayed::decode(entry) {
                Ok(replayed) => waiting.push(replayed),
                Err(error) => unreadable = Some(error),
            }
            if waiting.len() == REPLAYED_AT_A_TIME {
                let next = Vec::with_capacity(REPLAYED_AT_A_TIME);
                // Who applies ends only when there is nothing more.
                let _ = sender.send(std::mem::replace(&mut waiting, next));
            }
        });
        let _ = sender.send(waiting);
        drop(sender);
        let replayed = applying.join().expect("applying does not panic");
        let (wal, _) = opened?;
        match unreadable {
            None => Ok((wal, replayed)),
            Some((index, error)) => {
                tracing::error!(index, %error, "an entry of the log cannot be read");
                Err(OpenError::damaged("the log", index, Damage::Content))
            }
        }
    })
}

impl Replayed {
    fn decode(entry: Entry) -> Result<Self, Unreadable> {
        let Entry { index, kind, payload, .. } = entry;
        let bytes = payload.len() as u64;
        let (request, at) = Request::decode(kind, payload).map_err(|error| (index, error))?;
        Ok(Self { index, at, request, bytes })
    }
}

/// A state that log entries are applied to again.
struct Replaying {
    mvcc: Mvcc,
    state: State,
    bytes: u64,
}

impl Replaying {
    fn apply(&mut self, entry: Replayed) {
        let Replayed { index, at, request, bytes } = entry;
        self.bytes += bytes;
        let at = at.unwrap_or(self.state.at);
        self.state.note_time(at);
        self.state.index = index;
        match request {
            // What was refused then is refused again.
            Request::Command(command) => drop(self.mvcc.apply(command, at)),
            Request::Limits(limits) => {
                self.mvcc.set_limits(limits.clone());
                self.state.limits = Some(limits);
            }
            Request::Alarm(op) => drop(self.state.alarm(op)),
        }
    }
}

impl Identity {
    /// That of a new store.
    pub(super) fn new(options: &Builder, env: &Env) -> Self {
        Self {
            // Never zero, which would mean that there is none.
            cluster: env.random_below(u64::MAX - 1) + 1,
            salt: env.random_below(u64::MAX),
            name: options.logged.name.clone(),
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        let mut out = WireWriter::new(&mut bytes);
        out.number(self.cluster);
        out.number(self.salt);
        out.bytes(self.name.as_bytes());
        bytes.freeze()
    }

    fn decode(bytes: Bytes) -> Result<Self, WireError> {
        let mut from = Reader::new(bytes);
        let identity = Self { cluster: from.number()?, salt: from.number()?, name: from.text()? };
        from.end()?;
        Ok(identity)
    }
}
