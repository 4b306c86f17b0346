//! A running `orchestrator` process, and programs that talk to it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a server may take to be ready on a machine that is busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A server; dropping it ends the process.
pub struct Server {
    child: Child,
    /// The server's address.
    pub url: String,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts `orchestrator server` with these parts and more arguments.
    pub fn start(parts: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
        command
            .args(["server", "--bind", "127.0.0.1:0", "--parts", parts, "--data-dir"])
            .arg(folder.path())
            .args(more)
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let ready = lines.recv_timeout(READY_WITHIN).expect("the server prints that it is ready");
        let url = ready.strip_prefix("ready ").expect("the line begins with ready").to_owned();
        Self { child, url, folder }
    }

    /// A file of the data directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The administrator's token.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.file("admin.token")).unwrap().trim().to_owned()
    }

    /// Asks the process to end and waits until it has.
    pub fn stop(mut self) -> bool {
        terminate(&self.child);
        self.child.wait().unwrap().success()
    }

    /// Runs `kubectl` as the administrator.
    pub fn kubectl(&self, arguments: &[&str]) -> Ran {
        let mut command = self.kubectl_command(arguments);
        Ran::of(command.output().unwrap(), format!("kubectl {}", arguments.join(" ")))
    }

    /// Runs `kubectl` with `input` on its standard input.
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> Ran {
        use std::io::Write;
        let mut command = self.kubectl_command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ran::of(child.wait_with_output().unwrap(), format!("kubectl {}", arguments.join(" ")))
    }

    /// The command, not yet run.
    pub fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.env("KUBECONFIG", self.file("admin.kubeconfig"));
        command.env("HOME", self.folder.path()).args(arguments);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        terminate(&self.child);
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM.
pub fn terminate(child: &Child) {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
}

/// The lines of a stream, read by a thread of their own so that waiting can end.
pub fn lines(stream: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A program that has run.
pub struct Ran {
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
    ok: bool,
    what: String,
}

impl Ran {
    /// What came of a program.
    pub fn of(output: Output, what: String) -> Self {
        Self {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            ok: output.status.success(),
            what,
        }
    }

    /// The output of a program that must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.ok, "`{}` failed:\n{}{}", self.what, self.out, self.err);
        self.out
    }

    /// The error output of a program that must have failed.
    #[track_caller]
    pub fn fails(self) -> String {
        assert!(!self.ok, "`{}` succeeded:\n{}", self.what, self.out);
        self.err
    }

    /// Must have succeeded and printed `text`.
    #[track_caller]
    pub fn prints(self, text: &str) {
        let what = self.what.clone();
        let out = self.ok();
        assert!(out.contains(text), "`{what}` does not print {text:?}:\n{out}");
    }
}

/// Whether a program is on this machine; says so where it is not.
pub fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: {program} is not on this machine");
    }
    found
}

/// A folder of recorded facts beside the project; says so where it is not there.
pub fn recorded(folder: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(folder);
    if !shared.is_dir() {
        eprintln!("SKIPPED: {} is not there", shared.display());
        return None;
    }
    Some(shared)
}
