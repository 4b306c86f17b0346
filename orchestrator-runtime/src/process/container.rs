//! One run of a container: made, adopted, stopped, looked at.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use orchestrator_core::Env;
use orchestrator_core::env::Task;
use orchestrator_core::runtime::{ContainerConfig, ContainerState, RuntimeError};
use parking_lot::Mutex;
use tokio::net::unix::pipe;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::child::{self, ProcessId, Streams};
use super::output::Output;
use super::place::{self, NewContainer};
use super::pty::Pty;
use super::record::{self, ContainerRecord, ExitRecord, SandboxRecord};
use super::supervise::{self, Ended, Supervisor, Waiter};
use orchestrator_core::runtime::Events;
use orchestrator_logs::{Log, LogWriter, StreamName};

/// How many chunks of output an attached client may be behind before it loses some.
const ATTACH_BACKLOG: usize = 256;

/// What all containers of a runtime share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) env: Env,
    pub(super) events: Arc<Events>,
    /// The `PATH` of containers that set none.
    pub(super) search_path: Arc<str>,
}

/// One run of a container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) dir: PathBuf,
    pub(super) record: Arc<Mutex<ContainerRecord>>,
    pub(super) log: Log,
    pub(super) attached: broadcast::Sender<(StreamName, Bytes)>,
    pub(super) stdin: Mutex<Stdin>,
    kill_at: watch::Sender<Option<Instant>>,
    pub(super) ended: watch::Receiver<bool>,
    _task: Option<Task<()>>,
}

/// The agent's end of a container's standard input.
#[derive(Debug, Default)]
pub(super) enum Stdin {
    /// There is none, or it was closed.
    #[default]
    Closed,
    /// A named pipe.
    Pipe {
        /// The end to write to.
        sender: pipe::Sender,
        /// Whether it is closed after the first attach.
        once: bool,
    },
    /// A terminal.
    Terminal(Pty),
}

/// The two ends of a container's streams.
struct Ends {
    child: Streams,
    output: Output,
    stdin: Stdin,
}

impl Container {
    /// Makes the container and starts its process.
    ///
    /// A program that cannot be run leaves a container that has ended with code 128.
    ///
    /// # Errors
    /// [`RuntimeError::Image`] without a command, [`RuntimeError::Config`] where it may not run
    /// so, [`RuntimeError::Failed`] where the host refuses.
    pub(super) fn start(
        shared: &Shared,
        sandbox: &SandboxRecord,
        pod_dir: &Path,
        config: &ContainerConfig,
    ) -> (Option<Self>, Result<(), RuntimeError>) {
        let made = place::command(config)
            .and_then(|command| Ok((command, place::credentials(config)?)))
            .and_then(|(command, who)| {
                let failed = |error| RuntimeError::failed("cannot make the container", error);
                let dir = container_dir(pod_dir, config).map_err(failed)?;
                let id = shared.env.uid().replace('-', "");
                let search_path = &shared.search_path;
                let new = NewContainer { dir: &dir, sandbox, config, id: &id, who, search_path };
                let place = place::make(&new).map_err(failed)?;
                let record = ContainerRecord {
                    id,
                    name: config.name.clone(),
                    attempt: config.attempt,
                    image: config.image.clone(),
                    created_at: shared.env.now(),
                    started_at: None,
                    process: None,
                    exit: None,
                    place,
                };
                record::write(&dir.join("container.json"), &record).map_err(failed)?;
                let ends = ends(&dir, config).map_err(failed)?;
                Ok((command, dir, record, ends))
            });
        match made {
            Ok((command, dir, record, ends)) => {
                Self::run(shared, &sandbox.uid, dir, record, ends, &command)
            }
            Err(error) => (None, Err(error)),
        }
    }

    fn run(
        shared: &Shared,
        pod: &str,
        dir: PathBuf,
        mut record: ContainerRecord,
        ends: Ends,
        command: &[String],
    ) -> (Option<Self>, Result<(), RuntimeError>) {
        let command: Vec<String> =
            command.iter().map(|word| record.place.paths.rewrite(word)).collect();
        let started = child::start(&command, &record.place, ends.child).and_then(|child| {
            let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
            // A process that has ended already is a zombie until it is waited for below.
            let process = ProcessId::of(pid).unwrap_or(ProcessId { pid, started: 0 });
            Ok((child, process, LogWriter::open(&dir.join("log"))?))
        });
        let (child, process, log) = match started {
            Ok(started) => started,
            Err(error) => {
                let message = start_error(&command[0], &error);
                record.exit = Some(ExitRecord {
                    code: 128,
                    signal: None,
                    finished_at: shared.env.now(),
                    reason: "StartError".into(),
                    message: message.clone(),
                });
                supervise::write(&dir, &record);
                return (Some(Self::ended(dir, record)), Err(RuntimeError::failed(message, error)));
            }
        };
        record.process = Some(process);
        record.started_at = Some(shared.env.now());
        supervise::write(&dir, &record);
        let waiter = Waiter::Child(Box::new(child));
        let streams = (ends.output, ends.stdin);
        (Some(Self::supervised(shared, pod, dir, record, waiter, streams, log)), Ok(()))
    }

    /// Goes on with a container of an earlier process.
    ///
    /// # Errors
    /// The record cannot be read.
    pub(super) fn adopt(shared: &Shared, pod: &str, dir: PathBuf) -> io::Result<Self> {
        let mut record: ContainerRecord = record::read(&dir.join("container.json"))?;
        if record.exit.is_some() {
            return Ok(Self::ended(dir, record));
        }
        let adopted = record.process.filter(|process| process.is_alive()).and_then(|process| {
            let pidfd = process.pidfd().ok()?;
            let output = Output::open_pipes(&dir).ok()?;
            Some((Waiter::Adopted(pidfd), output, LogWriter::open(&dir.join("log")).ok()?))
        });
        if let Some((waiter, output, log)) = adopted {
            let streams = (output, Stdin::Closed);
            return Ok(Self::supervised(shared, pod, dir, record, waiter, streams, log));
        }
        // What is left of it, if anything, belongs to nobody.
        child::sweep(&record.id, record.process);
        record.exit = Some(supervise::exit(Ended::Unknown, shared.env.now(), String::new()));
        supervise::write(&dir, &record);
        Ok(Self::ended(dir, record))
    }

    fn supervised(
        shared: &Shared,
        pod: &str,
        dir: PathBuf,
        record: ContainerRecord,
        waiter: Waiter,
        (output, stdin): (Output, Stdin),
        writer: LogWriter,
    ) -> Self {
        let (attached, _) = broadcast::channel(ATTACH_BACKLOG);
        let (kill_at, kill_at_seen) = watch::channel(None);
        let (ended, ended_seen) = watch::channel(false);
        let log = writer.log();
        let process = record.process.expect("a supervised container has a process");
        let record = Arc::new(Mutex::new(record));
        let supervisor = Supervisor {
            env: shared.env.clone(),
            events: Arc::clone(&shared.events),
            pod: pod.to_owned(),
            dir: dir.clone(),
            record: Arc::clone(&record),
            process,
            waiter,
            output,
            log: writer,
            attached: attached.clone(),
            kill_at: kill_at_seen,
            ended,
        };
        let task = shared.env.spawn("container", supervisor.run());
        let stdin = Mutex::new(stdin);
        Self { dir, record, log, attached, stdin, kill_at, ended: ended_seen, _task: Some(task) }
    }

    /// A container that has ended.
    fn ended(dir: PathBuf, record: ContainerRecord) -> Self {
        let log = Log::closed(&dir.join("log"));
        let (attached, _) = broadcast::channel(1);
        let (_, ended) = watch::channel(true);
        Self {
            dir,
            record: Arc::new(Mutex::new(record)),
            log,
            attached,
            stdin: Mutex::default(),
            kill_at: watch::channel(None).0,
            ended,
            _task: None,
        }
    }

    /// Its id.
    pub(super) fn id(&self) -> String {
        self.record.lock().id.clone()
    }

    /// The container as the runtime reports it.
    pub(super) fn state(&self) -> ContainerState {
        self.record.lock().state()
    }

    /// Asks it to end, and ends it when `grace` is over; returns at once.
    pub(super) fn stop(&self, env: &Env, grace: Duration) {
        let (process, signal) = {
            let record = self.record.lock();
            (record.process.filter(|_| record.exit.is_none()), record.place.stop_signal)
        };
        let Some(process) = process else { return };
        let deadline = env.instant() + grace;
        let mut first = false;
        self.kill_at.send_if_modified(|kill_at| {
            first = kill_at.is_none();
            let sooner = kill_at.is_none_or(|before| deadline < before);
            if sooner {
                *kill_at = Some(deadline);
            }
            sooner
        });
        if first && !grace.is_zero() {
            process.signal(signal);
        }
    }

    /// Ends it now, without waiting.
    pub(super) fn kill(&self) {
        let record = self.record.lock();
        if let Some(process) = record.process.filter(|_| record.exit.is_none()) {
            process.kill_group();
            child::sweep(&record.id, record.process);
        }
    }

    /// Waits until it has ended.
    pub(super) async fn wait(&self) {
        let mut ended = self.ended.clone();
        // The task ends only after it has said so, or with the whole runtime.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

fn container_dir(pod_dir: &Path, config: &ContainerConfig) -> io::Result<PathBuf> {
    let name = record::component(&config.name)?;
    let dir = pod_dir.join(name).join(config.attempt.to_string());
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// Why a program does not run, in the words people know.
fn start_error(program: &str, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => "no such file or directory".to_owned(),
        io::ErrorKind::NotFound => "executable file not found in $PATH".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    format!("exec: {program:?}: {why}")
}

fn ends(dir: &Path, config: &ContainerConfig) -> io::Result<Ends> {
    if config.tty {
        let (pty, theirs) = Pty::open()?;
        let child = Streams {
            stdin: theirs.try_clone()?.into(),
            stdout: theirs.try_clone()?.into(),
            stderr: theirs.into(),
            terminal: true,
        };
        let stdin = if config.stdin { Stdin::Terminal(pty.clone()) } else { Stdin::Closed };
        return Ok(Ends { child, output: Output::Terminal(pty), stdin });
    }
    let output = Output::make_pipes(dir)?;
    let (stdin, their_stdin) = if config.stdin {
        let path = dir.join("stdin");
        child::make_pipe(&path)?;
        let sender = pipe::OpenOptions::new().read_write(true).open_sender(&path)?;
        // The other end is open already, so this does not wait for one.
        let theirs = std::fs::File::open(&path)?;
        (Stdin::Pipe { sender, once: config.stdin_once }, Stdio::from(theirs))
    } else {
        (Stdin::Closed, Stdio::null())
    };
    let child = Streams {
        stdin: their_stdin,
        stdout: child::open_pipe(&dir.join("stdout"))?.into(),
        stderr: child::open_pipe(&dir.join("stderr"))?.into(),
        terminal: false,
    };
    Ok(Ends { child, output, stdin })
}
