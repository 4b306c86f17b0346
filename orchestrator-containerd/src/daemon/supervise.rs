//! The supervisor: starts containerd, waits for it, and starts it again.

use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use orchestrator_core::Env;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::notify::Readiness;
use super::{DaemonError, Places, claim};

/// How long containerd may take to be ready: it loads what it finds on disk.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The pause before a start that follows one that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long containerd may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(10);

/// Keeps one containerd running.
#[derive(Debug)]
pub(super) struct Supervisor {
    program: PathBuf,
    places: Places,
    env: Env,
    ending: watch::Receiver<bool>,
}

impl Supervisor {
    pub(super) fn new(
        program: PathBuf,
        places: Places,
        env: Env,
        ending: watch::Receiver<bool>,
    ) -> Self {
        Self { program, places, env, ending }
    }

    /// Starts it; returns once it is ready.
    pub(super) async fn start(&mut self) -> Result<Child, DaemonError> {
        let refused = |source| DaemonError::Program { program: self.program.clone(), source };
        let readiness = Readiness::listen(&self.places.notify).map_err(refused)?;
        let mut child = self.spawn().map_err(refused)?;
        tokio::select! {
            biased;
            ready = readiness.wait() => ready.map_err(refused)?,
            _ = child.wait() => return Err(DaemonError::Ended(self.places.last_words())),
            () = self.env.sleep(READY_WITHIN) => {
                return Err(DaemonError::Late(self.places.last_words()));
            }
        }
        Ok(child)
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(&self.places.log)?;
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.places.settings);
        command.env("NOTIFY_SOCKET", &self.places.notify).env("TMPDIR", &self.places.root);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // Ctrl-C at the terminal is for the agent, which then ends containerd in its own time.
        command.process_group(0).kill_on_drop(true);
        let child = command.spawn()?;
        if let Some(pid) = child.id() {
            claim::write(&self.places, pid)?;
        }
        Ok(child)
    }

    /// Waits for its end, and starts it again, until it is to end.
    pub(super) async fn run(mut self, mut child: Child) {
        loop {
            let mut ending = self.ending.clone();
            tokio::select! {
                biased;
                () = asked(&mut ending) => return self.end(child).await,
                status = child.wait() => {
                    tracing::warn!(status = ?status.ok(), "containerd ended");
                }
            }
            let Some(next) = self.start_again().await else { return };
            child = next;
            tracing::info!("containerd started again");
        }
    }

    /// A new one; `None` where it is to end meanwhile.
    async fn start_again(&mut self) -> Option<Child> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.start().await {
                Ok(child) => return Some(child),
                Err(error) => tracing::error!(%error, "containerd not started"),
            }
            let mut ending = self.ending.clone();
            tokio::select! {
                biased;
                () = asked(&mut ending) => return None,
                () = self.env.sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn end(&self, mut child: Child) {
        let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            // It was not waited for, so the number is still its own.
            let _ = kill_process(pid, Signal::TERM);
        }
        tokio::select! {
            biased;
            _ = child.wait() => {}
            () = self.env.sleep(GRACE) => drop(child.kill().await),
        }
        let _ = std::fs::remove_file(&self.places.claim);
    }
}

/// Waits until it is to end.
async fn asked(ending: &mut watch::Receiver<bool>) {
    // Whoever could ask is gone: then it is to end too.
    drop(ending.wait_for(|end| *end).await);
}
