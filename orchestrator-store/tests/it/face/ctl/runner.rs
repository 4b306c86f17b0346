//! Runs `etcdctl` against a face.

use std::process::{Output, Stdio};

use orchestrator_core::Env;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::face::served::Served;

/// An `etcdctl` with a server of its own.
pub struct Ctl {
    pub served: Served,
    flags: Vec<String>,
}

impl Ctl {
    /// A store in memory behind a face; `None`, which is told, where there is no `etcdctl`.
    pub async fn memory() -> Option<Self> {
        Self::of(Served::memory(&Env::system()).await)
    }

    /// One that asks `served`.
    pub fn of(served: Served) -> Option<Self> {
        let endpoint = format!("http://{}", served.address);
        Self::with(served, vec!["--endpoints".to_owned(), endpoint])
    }

    /// The program with the flags that reach `served`.
    pub fn with(served: Served, flags: Vec<String>) -> Option<Self> {
        let found = std::process::Command::new("etcdctl").arg("version").output();
        if found.is_err() {
            eprintln!("SKIPPED: there is no etcdctl on PATH");
            return None;
        }
        Some(Self { served, flags })
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(&self.flags).args(words.split(' '));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// Runs it with `words` for arguments and `input` on stdin.
    pub async fn run(&self, words: &str, input: &str) -> Output {
        let mut child = self.command(words).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        child.wait_with_output().await.unwrap()
    }

    /// What it prints when it succeeds.
    pub async fn ok(&self, words: &str) -> String {
        let output = self.run(words, "").await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "etcdctl {words}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it complains of when it fails.
    pub async fn fails(&self, words: &str) -> String {
        let output = self.run(words, "").await;
        assert!(!output.status.success(), "etcdctl {words} succeeds");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts it and lets it run; its lines of output.
    pub fn start(&self, words: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut child = self.command(words).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    }
}
