//! A containerd of our own: configured, started, watched, started again, ended.
//!
//! Its containers belong to their shims and go on without it, so ending it is never an act on
//! them. One that an earlier agent has left behind (it was killed) is ended before a new one
//! starts, since two cannot share a root.

mod claim;
mod notify;
mod settings;
mod supervise;

use std::io;
use std::path::{Path, PathBuf};

use orchestrator_core::Env;
use orchestrator_core::env::Task;
use tokio::sync::watch;

use crate::config::OwnContainerd;
use supervise::Supervisor;

/// The longest path that the kernel takes for a socket.
const LONGEST_SOCKET: usize = 107;

/// Why a containerd of our own does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DaemonError {
    /// The disk refuses.
    #[error("cannot prepare {path}")]
    Directory {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The path of its socket is longer than the kernel allows.
    #[error("the path {0} is too long for a socket: use a shorter data directory")]
    LongPath(PathBuf),
    /// The program cannot be started.
    #[error("cannot start {program}")]
    Program {
        /// Which.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("containerd ended at once; its last words: {0}")]
    Ended(String),
    /// It was not ready in time.
    #[error("containerd was not ready in time; its last words: {0}")]
    Late(String),
}

/// A running containerd; dropping it ends it, not its containers.
#[derive(Debug)]
pub struct Daemon {
    socket: PathBuf,
    end: watch::Sender<bool>,
    task: Task<()>,
}

impl Daemon {
    /// Starts containerd, and returns once it answers.
    ///
    /// # Errors
    /// See [`DaemonError`].
    pub async fn start(
        config: &OwnContainerd,
        pause: &str,
        env: &Env,
    ) -> Result<Self, DaemonError> {
        let places = Places::of(&config.root);
        places.make(config)?;
        if places.socket.as_os_str().len() > LONGEST_SOCKET {
            return Err(DaemonError::LongPath(places.socket));
        }
        let prepared = |path: &Path, source| DaemonError::Directory { path: path.into(), source };
        let settings = settings::text(config, &places, pause);
        let written = std::fs::write(&places.settings, settings);
        written.map_err(|source| prepared(&places.settings, source))?;
        claim::end_previous(&places, env).await;
        let socket = places.socket.clone();
        let (end, ending) = watch::channel(false);
        let mut supervisor = Supervisor::new(config.program.clone(), places, env.clone(), ending);
        let child = supervisor.start().await?;
        let task = env.spawn("containerd", supervisor.run(child));
        Ok(Self { socket, end, task })
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks it to end and waits until it has.
    pub async fn stop(self) {
        self.end.send_replace(true);
        self.task.await;
    }
}

/// Where the files of one containerd are.
#[derive(Clone, Debug)]
struct Places {
    root: PathBuf,
    settings: PathBuf,
    data: PathBuf,
    state: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    claim: PathBuf,
    registries: PathBuf,
    notify: PathBuf,
}

impl Places {
    fn of(root: &Path) -> Self {
        Self {
            root: root.into(),
            settings: root.join("config.toml"),
            data: root.join("root"),
            state: root.join("state"),
            socket: root.join("state/containerd.sock"),
            log: root.join("containerd.log"),
            claim: root.join("containerd.pid"),
            registries: root.join("certs.d"),
            notify: root.join("notify.sock"),
        }
    }

    fn make(&self, config: &OwnContainerd) -> Result<(), DaemonError> {
        for path in [&self.data, &self.state, &self.registries, &config.cni_config] {
            std::fs::create_dir_all(path)
                .map_err(|source| DaemonError::Directory { path: path.clone(), source })?;
        }
        Ok(())
    }

    /// The last lines of its log.
    fn last_words(&self) -> String {
        const WORDS_BYTES: usize = 600;
        let text = std::fs::read(&self.log).unwrap_or_default();
        let start = text.len().saturating_sub(WORDS_BYTES);
        String::from_utf8_lossy(&text[start..]).trim().to_owned()
    }
}
