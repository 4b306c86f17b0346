//! Supervision: one task per container that reads its output and sees its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use orchestrator_core::Env;
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::child::{self, ProcessId};
use super::output::Output;
use super::record::{self, ContainerRecord, ExitRecord};
use crate::raw::Watched;
use orchestrator_core::runtime::Events;
use orchestrator_logs::{Log, LogWriter, StreamName};

/// How often processes are looked for that are still there: one may have forked meanwhile.
const SWEEPS: u32 = 5;

/// The longest termination message that is kept: the kubelet's limit.
const MESSAGE_BYTES: usize = 4096;

/// How much of the log stands in for a termination message: the kubelet's limits.
const MESSAGE_LOG: (u64, usize) = (80, 2048);

/// How a main process is waited for.
#[derive(Debug)]
pub(super) enum Waiter {
    /// A child of this program.
    Child(Box<tokio::process::Child>),
    /// A process of an earlier program, whose exit code nobody can tell.
    Adopted(Watched),
}

/// How a main process ended: code and signal.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ended {
    Code(i32),
    Signal(i32),
    Unknown,
}

impl Waiter {
    async fn ended(&mut self) -> Ended {
        use std::os::unix::process::ExitStatusExt;
        match self {
            Self::Child(child) => match child.wait().await {
                Ok(status) => match (status.code(), status.signal()) {
                    (Some(code), _) => Ended::Code(code),
                    (None, Some(signal)) => Ended::Signal(signal),
                    (None, None) => Ended::Unknown,
                },
                Err(_) => Ended::Unknown,
            },
            Self::Adopted(pidfd) => {
                pidfd.readable().await;
                Ended::Unknown
            }
        }
    }
}

/// Everything the task of one container has.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) env: Env,
    pub(super) events: Arc<Events>,
    pub(super) pod: String,
    pub(super) dir: PathBuf,
    pub(super) record: Arc<Mutex<ContainerRecord>>,
    pub(super) process: ProcessId,
    pub(super) waiter: Waiter,
    pub(super) output: Output,
    pub(super) log: LogWriter,
    pub(super) attached: broadcast::Sender<(StreamName, Bytes)>,
    /// When the process must be ended, once somebody has said so.
    pub(super) kill_at: watch::Receiver<Option<Instant>>,
    pub(super) ended: watch::Sender<bool>,
}

impl Supervisor {
    /// Runs until the container has ended and everybody can know it.
    pub(super) async fn run(mut self) {
        let ended = self.watch().await;
        self.process.kill_group();
        self.sweep().await;
        let now = self.env.now();
        for (stream, bytes) in self.output.rest() {
            self.take(stream, bytes, now);
        }
        if let Err(error) = self.log.finish(now) {
            tracing::warn!(pod = %self.pod, %error, "log not finished");
        }
        self.finish(ended, now);
    }

    /// Ends whatever the main process has left behind, and waits for its end.
    async fn sweep(&self) {
        let id = self.record.lock().id.clone();
        for round in 0..SWEEPS {
            let swept = child::sweep(&id, Some(self.process));
            if swept.ended.is_empty() && !swept.unclear {
                return;
            }
            for process in swept.ended {
                if let Ok(pidfd) = process.pidfd() {
                    pidfd.readable().await;
                }
            }
            if swept.unclear {
                // Nothing tells when a process has its new program, which takes some microseconds;
                // one without any environment never shows one, so this has an end.
                self.env.sleep(Duration::from_millis(1 << round)).await;
            }
        }
    }

    async fn watch(&mut self) -> Ended {
        loop {
            let deadline = *self.kill_at.borrow_and_update();
            tokio::select! {
                biased;
                ended = self.waiter.ended() => return ended,
                () = until(&self.env, deadline) => {
                    self.process.kill_group();
                    return self.waiter.ended().await;
                }
                Ok(()) = self.kill_at.changed() => {}
                (stream, bytes) = self.output.next() => self.take(stream, bytes, self.env.now()),
            }
        }
    }

    fn take(&mut self, stream: StreamName, bytes: Bytes, now: Timestamp) {
        if let Err(error) = self.log.take(stream, &bytes, now) {
            tracing::warn!(pod = %self.pod, %error, "log not written");
        }
        // Nobody may be attached.
        let _ = self.attached.send((stream, bytes));
    }

    fn finish(&mut self, ended: Ended, now: Timestamp) {
        let mut record = self.record.lock();
        let message = last_words(&record, &self.log.log(), ended);
        record.exit = Some(exit(ended, now, message));
        write(&self.dir, &record);
        drop(record);
        self.ended.send_replace(true);
        self.events.changed(&self.pod);
    }
}

/// Replaces a container's record; a failure is reported and not fatal, as the next process finds
/// out by looking at the process.
pub(super) fn write(dir: &Path, record: &ContainerRecord) {
    if let Err(error) = record::write(&dir.join("container.json"), record) {
        tracing::warn!(dir = %dir.display(), %error, "container record not written");
    }
}

async fn until(env: &Env, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => env.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The exit as it is kept.
pub(super) fn exit(ended: Ended, finished_at: Timestamp, message: String) -> ExitRecord {
    let (code, signal, reason) = match ended {
        Ended::Code(code) => (code, None, ""),
        Ended::Signal(signal) => (128 + signal, Some(signal), ""),
        Ended::Unknown => (137, None, "ContainerStatusUnknown"),
    };
    let unknown = "The container could not be located when the agent was started again";
    let message = if reason.is_empty() { message } else { unknown.to_owned() };
    ExitRecord { code, signal, finished_at, reason: reason.into(), message }
}

/// The text that the container left to tell why it ended.
fn last_words(record: &ContainerRecord, log: &Log, ended: Ended) -> String {
    let bytes = std::fs::read(&record.place.termination_message).unwrap_or_default();
    if !bytes.is_empty() {
        return String::from_utf8_lossy(&bytes[..bytes.len().min(MESSAGE_BYTES)]).into_owned();
    }
    if record.place.log_is_termination_message && !matches!(ended, Ended::Code(0)) {
        return log.tail(MESSAGE_LOG.0, MESSAGE_LOG.1);
    }
    String::new()
}
