//! The one task that writes: takes what has gathered, writes it, syncs once, tells.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::storage::IOFlushed;
use orchestrator_core::Env;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};

use super::super::types::{LogId, Types, Vote};
use super::{View, record};
use crate::disk::Disk;
use crate::planted::{Fault, Planted};
use crate::wal::{self, Wal};

/// The most bytes that are written before a sync: what a disk takes in some milliseconds.
const MAX_BATCH_BYTES: usize = 4 << 20;

type Done = oneshot::Sender<io::Result<()>>;

/// One change of the files.
pub(super) enum Job {
    Append(Vec<wal::Entry>, IOFlushed<Types>),
    Vote(Vote, Done),
    /// Forgets the entries from this index on.
    Truncate(u64, Done),
    Purge(LogId, Done),
    /// Looks whether there is space in reserve, as every job does.
    Look(Done),
}

/// How long a full disk is left alone before what waits is tried again: no system tells when
/// others have freed space on it.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(1);

/// Whether the log has space in reserve.
#[derive(Debug, Default)]
pub(super) struct Reserve {
    missing: AtomicBool,
    noted: Notify,
    retry: Notify,
}

impl Reserve {
    fn note(&self, there: bool) {
        self.missing.store(!there, Ordering::SeqCst);
        if !there {
            self.noted.notify_one();
        }
    }

    /// Has what waits for space tried at once.
    pub(super) fn try_again(&self) {
        self.retry.notify_one();
    }

    /// Waits until there may be space.
    async fn maybe_back(&self, env: &Env) {
        tokio::select! {
            biased;
            () = self.retry.notified() => {}
            () = env.sleep(RETRY_WHEN_FULL) => {}
        }
    }

    /// Waits until the disk has no space for the log's next file.
    pub(super) async fn gone(&self) {
        while !self.missing.load(Ordering::SeqCst) {
            self.noted.notified().await;
        }
    }
}

/// Writes what comes from a queue.
pub(super) struct Writer {
    pub(super) env: Env,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) wal: Arc<Mutex<Wal>>,
    pub(super) view: Arc<Mutex<View>>,
    pub(super) reserve: Arc<Reserve>,
    pub(super) planted: Planted,
}

/// Whom to tell when the batch is safe.
enum Waiting {
    Append(IOFlushed<Types>),
    Other(Done),
}

impl Writer {
    /// Serves `queue` until it is closed, or the disk fails.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.recv().await {
            let mut jobs = vec![first];
            let mut bytes = size(&jobs[0]);
            while bytes < MAX_BATCH_BYTES
                && let Ok(job) = queue.try_recv()
            {
                bytes += size(&job);
                jobs.push(job);
            }
            if let Err(error) = self.write(jobs).await {
                tracing::error!(%error, "the log failed; this member stops");
                // Whoever asks from now on is told by the closed queue.
                return;
            }
        }
    }

    async fn write(&self, jobs: Vec<Job>) -> io::Result<()> {
        let (mut work, mut waiting) = (Vec::new(), Vec::new());
        for job in jobs {
            let (step, one) = match job {
                Job::Append(entries, flushed) => (Step::Append(entries), Waiting::Append(flushed)),
                Job::Vote(vote, done) => (Step::Vote(vote), Waiting::Other(done)),
                Job::Truncate(next, done) => (Step::Truncate(next), Waiting::Other(done)),
                Job::Purge(upto, done) => (Step::Purge(upto), Waiting::Other(done)),
                Job::Look(done) => {
                    waiting.push(Waiting::Other(done));
                    continue;
                }
            };
            work.push(step);
            waiting.push(one);
        }
        if self.planted.has(Fault::AckBeforeSync) {
            waiting = waiting.into_iter().filter_map(tell_early).collect();
        }
        let done = self.write_all(work).await;
        if let Ok(next) = &done {
            self.view.lock().cache.flushed(*next);
        }
        for one in waiting {
            let result = done.as_ref().map(|_| ()).map_err(copy);
            match one {
                Waiting::Append(flushed) => flushed.io_completed(result),
                Waiting::Other(done) => drop(done.send(result)),
            }
        }
        done.map(|_| ())
    }
}

impl Writer {
    /// Does `work` and makes it safe, when there is space for it; returns the next index.
    async fn write_all(&self, mut work: Vec<Step>) -> io::Result<u64> {
        loop {
            let (disk, wal) = (Arc::clone(&self.disk), Arc::clone(&self.wal));
            let (reserve, planted) = (Arc::clone(&self.reserve), self.planted);
            let all = move || {
                let mut wal = wal.lock();
                let done = run(&mut work, &*disk, &mut wal, planted);
                reserve.note(done.is_ok() && wal.has_reserve());
                (work, done.map(|()| wal.next_index()))
            };
            let (rest, done) = self.env.blocking(all).await;
            match done {
                // Nothing is lost by waiting: nobody has been told of it.
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    tracing::warn!(%error, "no space for the log; waiting for some");
                    work = rest;
                    self.reserve.maybe_back(&self.env).await;
                }
                done => return done,
            }
        }
    }
}

/// Takes the steps off the front of `work` as they are done, and makes them safe.
fn run(work: &mut Vec<Step>, disk: &dyn Disk, wal: &mut Wal, planted: Planted) -> io::Result<()> {
    let mut done = 0;
    let mut result = Ok(());
    for step in work.iter() {
        result = step.run(disk, wal, planted);
        if result.is_err() {
            break;
        }
        done += 1;
    }
    work.drain(..done);
    result?;
    wal.sync()
}

/// The planted fault: tells of an append before it is safe.
fn tell_early(waiting: Waiting) -> Option<Waiting> {
    match waiting {
        Waiting::Append(flushed) => {
            flushed.io_completed(Ok(()));
            None
        }
        other => Some(other),
    }
}

enum Step {
    Append(Vec<wal::Entry>),
    Vote(Vote),
    Truncate(u64),
    Purge(LogId),
}

impl Step {
    fn run(&self, disk: &dyn Disk, wal: &mut Wal, planted: Planted) -> io::Result<()> {
        match self {
            Self::Append(entries) => {
                // A full disk may have cut them short before: then the first of them are there.
                let next = wal.next_index();
                let held = wal.first_index() < next;
                let there = entries.partition_point(|entry| held && entry.index < next);
                wal.append(&entries[there..])
            }
            Self::Vote(vote) => {
                // In order: no vote may be safe before the entries that came before it.
                wal.sync()?;
                record::store_vote(disk, vote, planted)
            }
            Self::Truncate(0) => wal.reset(0),
            Self::Truncate(next) => wal.truncate_after(next - 1),
            Self::Purge(upto) => {
                // Noted first: a log that begins later than it says is damaged, one that begins
                // earlier is not.
                record::store_purged(disk, upto, planted)?;
                if upto.index() >= wal.next_index() {
                    return wal.reset(upto.index() + 1);
                }
                wal.purge_to(upto.index()).map(|_| ())
            }
        }
    }
}

fn size(job: &Job) -> usize {
    match job {
        Job::Append(entries, _) => entries.iter().map(|entry| entry.payload.len()).sum(),
        _ => 0,
    }
}

/// The same error again, for each who waits.
fn copy(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
