//! The Raft log on the write-ahead log, and the vote beside it.
//!
//! openraft appends and goes on: entries are readable at once, from memory, while one task takes
//! whatever has gathered, writes it and syncs once, and then tells openraft. So replication to the
//! others runs beside the leader's own sync, and a batch is what arrived during the sync before.
//! Votes, cuts and purges go through the same task, in order.
//!
//! Each entry carries the index that was committed when it was written, so that keeping the
//! committed index costs no sync of its own; after a restart it is at most as old as the last
//! entry. That is enough: a member that starts again never leads without an election, and a read
//! waits for what its leader's term has committed.

mod cache;
mod reader;
mod record;
mod writer;

pub(super) use record::{lay_marks, load_member, store_member};

use std::io;
use std::sync::Arc;

use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use orchestrator_core::Env;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::runtime::Tasks;
use super::types::{Entry, LogId, Types, Vote, log_id};
use super::witness::{Sight, Witness};
use crate::disk::Disk;
use crate::planted::Planted;
use crate::wal::{self, OpenError, Wal};
use cache::Cache;
use record::Marks;
use writer::{Job, Reserve, Writer};

/// How many jobs wait for the disk before openraft waits too; each is a batch of entries.
const MAX_JOBS: usize = 256;

/// How a log is opened.
pub(super) struct Options {
    pub(super) cluster: u64,
    pub(super) segment_bytes: Option<u64>,
    pub(super) planted: Planted,
    pub(super) witness: Witness,
}

/// The log of one member; copies are the same log.
#[derive(Clone)]
pub(super) struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    env: Env,
    wal: Arc<Mutex<Wal>>,
    view: Arc<Mutex<View>>,
    jobs: mpsc::Sender<Job>,
    reserve: Arc<Reserve>,
    witness: Witness,
}

/// What openraft may see of the log, which is ahead of the disk.
struct View {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    last: Option<LogId>,
    cache: Cache,
}

impl Log {
    /// Opens the log on `disk`; its task is one of `tasks`.
    pub(super) async fn open(
        env: &Env,
        disk: Arc<dyn Disk>,
        options: Options,
        tasks: &Tasks,
    ) -> Result<Self, OpenError> {
        let salt = env.random_below(u64::MAX);
        let planted = options.planted;
        let witness = options.witness.clone();
        let open = {
            let disk = Arc::clone(&disk);
            move || open_on(disk, options, salt)
        };
        let (wal, view) = env.blocking(open).await?;
        let (wal, view) = (Arc::new(Mutex::new(wal)), Arc::new(Mutex::new(view)));
        let (jobs, queue) = mpsc::channel(MAX_JOBS);
        let reserve = Arc::new(Reserve::default());
        let writer = Writer {
            env: env.clone(),
            disk,
            wal: Arc::clone(&wal),
            view: Arc::clone(&view),
            reserve: Arc::clone(&reserve),
            planted,
        };
        tasks.spawn(env, "raft-log", writer.run(queue));
        let shared = Shared { env: env.clone(), wal, view, jobs, reserve, witness };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// How many bytes the log takes on disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.shared.wal.lock().disk_bytes()
    }

    /// Waits until the disk has no space for the log's next file.
    pub(super) async fn reserve_gone(&self) {
        self.shared.reserve.gone().await;
    }

    /// Tries again what waits for space, if anything does, and looks for a reserve.
    ///
    /// # Errors
    /// The log has failed.
    pub(super) async fn try_again(&self) -> io::Result<()> {
        self.shared.reserve.try_again();
        self.finish(Job::Look).await
    }

    async fn submit(&self, job: Job) -> io::Result<()> {
        self.shared.jobs.send(job).await.map_err(|_| stopped())
    }

    async fn finish(
        &self,
        job: impl FnOnce(oneshot::Sender<io::Result<()>>) -> Job,
    ) -> io::Result<()> {
        let (done, waiting) = oneshot::channel();
        self.submit(job(done)).await?;
        waiting.await.map_err(|_| stopped())?
    }
}

fn stopped() -> io::Error {
    io::Error::other("the log's writer has stopped")
}

/// Opens the files, and reads what fits into memory.
fn open_on(disk: Arc<dyn Disk>, options: Options, salt: u64) -> Result<(Wal, View), OpenError> {
    let marks = Marks::load(&*disk)?;
    let mut settings = wal::Options::new(options.cluster, salt).planted(options.planted);
    if let Some(bytes) = options.segment_bytes {
        settings = settings.segment_bytes(bytes);
    }
    let mut cache = Cache::default();
    let mut committed = None;
    let mut unreadable = None;
    let (mut wal, found) = Wal::open_with(disk, settings, |entry| {
        // The entry is part of a buffer as large as its segment.
        match record::read_entry(&entry, true) {
            Ok((entry, then_committed)) => {
                committed = committed.max(then_committed);
                let next = entry.log_id.index() + 1;
                cache.push(entry);
                cache.flushed(next);
            }
            Err(_) => unreadable = unreadable.or(Some(entry.index)),
        }
    })?;
    if let Some(index) = unreadable {
        return Err(OpenError::damaged("the log", index, wal::Damage::Content));
    }
    let purged = marks.purged;
    let first = purged.map_or(0, |purged| purged.index() + 1);
    if found.next < first {
        // The purge after an installed snapshot was noted, and not done.
        wal.reset(first).map_err(OpenError::io("the log"))?;
        cache = Cache::default();
    }
    cache.purge(first);
    let last = match wal.next_index() {
        next if next > first => {
            let term = wal.term(next - 1).map_err(OpenError::io("the log"))?;
            term.map(|term| log_id(term, next - 1))
        }
        _ => purged,
    };
    // What an entry says is committed may be behind what was purged, and was never ahead of it.
    let committed = committed.filter(|index| *index >= first);
    let committed = match committed {
        Some(index) => {
            let index = index.min(wal.next_index().saturating_sub(1));
            let term = wal.term(index).map_err(OpenError::io("the log"))?;
            term.map(|term| log_id(term, index)).or(purged)
        }
        None => purged,
    };
    Ok((wal, View { vote: marks.vote, committed, purged, last, cache }))
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let view = self.shared.view.lock();
        Ok(LogState { last_purged_log_id: view.purged, last_log_id: view.last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let vote = *vote;
        self.finish(|done| Job::Vote(vote, done)).await?;
        self.shared.view.lock().vote = Some(vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.shared.view.lock().committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.shared.view.lock().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let frames = {
            let mut view = self.shared.view.lock();
            let committed = view.committed.map(|id| id.index());
            let frames = entries.iter().map(|entry| record::frame(entry, committed)).collect();
            for entry in entries {
                view.last = Some(entry.log_id);
                view.cache.push(entry);
            }
            frames
        };
        self.submit(Job::Append(frames, callback)).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let next = last.map_or(0, |id| id.index() + 1);
        {
            let mut view = self.shared.view.lock();
            view.last = last;
            view.cache.truncate(next);
        }
        self.finish(|done| Job::Truncate(next, done)).await?;
        // Again, for batches from before it may have told meanwhile that they are on disk.
        self.shared.view.lock().cache.truncate(next);
        Ok(())
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.shared.witness.tell(|| Sight::Purged);
        {
            let mut view = self.shared.view.lock();
            view.purged = Some(upto);
            view.last = view.last.max(Some(upto));
            view.cache.purge(upto.index() + 1);
        }
        self.finish(|done| Job::Purge(upto, done)).await
    }
}
