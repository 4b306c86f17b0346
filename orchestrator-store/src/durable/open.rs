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
use super::replay::{Replaying, replay};
use super::state::State;
use super::writer::Writer;
use super::{Builder, DurableStore, Shared, keeper};
use crate::checkpoint;
use crate::disk::Disk;
use crate::mvcc::{Limits, Mvcc};
use crate::planted::Fault;
use crate::replica::Replica;
use crate::wal::{self, Damage};
use crate::wire::{Reader, WireError, Writer as WireWriter};

/// The record of what never changes.
pub(super) const IDENTITY: &str = "store";

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
