//! Processes: how one is started in a session of its own, known again, signalled and swept up.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use super::record::Place;
use crate::raw::{Watched, before_exec};

/// The variable by which every process of a container is known.
pub const CONTAINER_VARIABLE: &str = "ORCHESTRATOR_CONTAINER";

/// A process that cannot be confused with a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number.
    pub pid: i32,
    /// When it started, in ticks since the host's start.
    pub started: u64,
}

/// The streams of a new process.
#[derive(Debug)]
pub struct Streams {
    /// Its standard input.
    pub stdin: Stdio,
    /// Its standard output.
    pub stdout: Stdio,
    /// Its standard error.
    pub stderr: Stdio,
    /// Whether its standard input is a terminal that it shall control.
    pub terminal: bool,
}

/// Starts `command` in a session, and so in a process group, of its own.
///
/// # Errors
/// The program is not there or may not be run, or the user cannot be changed.
pub fn start(command: &[String], place: &Place, streams: Streams) -> io::Result<Child> {
    let (program, args) = command
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "empty command"))?;
    let mut start = Command::new(program);
    start.args(args).env_clear().envs(place.env.iter().map(|(k, v)| (k, v)));
    start.current_dir(&place.working_dir);
    start.stdin(streams.stdin).stdout(streams.stdout).stderr(streams.stderr);
    if let Some(group) = place.group {
        start.gid(group);
    }
    if let Some(user) = place.user {
        start.uid(user);
    }
    let terminal = streams.terminal;
    before_exec(&mut start, move || {
        rustix::process::setsid()?;
        if terminal {
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
        }
        Ok(())
    });
    start.spawn()
}

impl ProcessId {
    /// The running process `pid`; `None` where there is none.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in brackets, which may hold anything.
        let after_name = &stat[stat.rfind(')')? + 1..];
        let mut fields = after_name.split_whitespace();
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        let started = fields.nth(18)?.parse().ok()?;
        Some(Self { pid, started })
    }

    /// Whether the process still runs.
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// A file that becomes readable when the process ends.
    ///
    /// # Errors
    /// The process has ended, or the kernel is older than 5.3.
    pub fn pidfd(self) -> io::Result<Watched> {
        let pid = Pid::from_raw(self.pid).ok_or(io::ErrorKind::InvalidInput)?;
        let fd = rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK)?;
        if self.is_alive() { Watched::new(fd) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Sends a signal to this process alone.
    pub fn signal(self, number: i32) {
        if let (Some(pid), Some(signal)) = (Pid::from_raw(self.pid), Signal::from_named_raw(number))
            && self.is_alive()
        {
            // It may end in between; then there is nothing to signal.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Ends this process and its group at once.
    pub fn kill_group(self) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            // An empty group is what is wanted.
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}

/// What a [`sweep`] has found.
#[derive(Debug, Default)]
pub struct Swept {
    /// The processes that it has ended, or rather told to end.
    pub ended: Vec<ProcessId>,
    /// Whether some process was just changing its program, so that nobody can tell whose it is.
    pub unclear: bool,
}

/// Ends every process that carries the id of `container`, also those that left its session, among
/// those that started no earlier than `since`.
pub fn sweep(container: &str, since: Option<ProcessId>) -> Swept {
    let mark = format!("{CONTAINER_VARIABLE}={container}");
    let mut swept = Swept::default();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for process in pids.filter_map(ProcessId::of) {
        if since.is_some_and(|since| process.started < since.started) {
            continue;
        }
        let Ok(environ) = std::fs::read(format!("/proc/{}/environ", process.pid)) else { continue };
        if environ.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            process.signal(Signal::KILL.as_raw());
            swept.ended.push(process);
        }
        // Between two programs a process shows no environment.
        swept.unclear |= environ.is_empty() && process.is_alive();
    }
    swept
}

/// Makes a named pipe.
///
/// # Errors
/// The disk's.
pub fn make_pipe(path: &Path) -> io::Result<()> {
    let made = rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600));
    match made {
        Err(rustix::io::Errno::EXIST) => Ok(()),
        other => Ok(other?),
    }
}

/// Opens a named pipe for both directions: whoever holds it sees neither end of file nor
/// `SIGPIPE`, so a container outlives the agent that reads its output.
///
/// # Errors
/// The disk's.
pub fn open_pipe(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(path)
}

/// The number of a signal by name, as in `SIGTERM`.
pub fn signal_number(name: &str) -> Option<i32> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    let known = [
        ("HUP", Signal::HUP),
        ("INT", Signal::INT),
        ("QUIT", Signal::QUIT),
        ("KILL", Signal::KILL),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
        ("TERM", Signal::TERM),
        ("CONT", Signal::CONT),
        ("STOP", Signal::STOP),
        ("WINCH", Signal::WINCH),
    ];
    known.iter().find(|(known, _)| *known == name).map(|(_, signal)| signal.as_raw())
}

/// The user and the group that this program runs as.
pub fn own_ids() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// A variable of this program's own environment.
pub fn own_variable(name: impl AsRef<OsStr>) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_known_by_number_and_start() {
        let place = Place {
            working_dir: "/".into(),
            env: vec![("PATH".into(), own_variable("PATH").unwrap())],
            ..Place::default()
        };
        let streams = Streams {
            stdin: Stdio::null(),
            stdout: Stdio::null(),
            stderr: Stdio::null(),
            terminal: false,
        };
        let command = ["sleep", "1000"].map(str::to_owned);
        let mut child = start(&command, &place, streams).unwrap();
        let process = ProcessId::of(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        assert!(process.is_alive());
        assert!(!ProcessId { started: process.started + 1, ..process }.is_alive());
        process.kill_group();
        child.wait().await.unwrap();
        assert!(!process.is_alive());
    }

    #[test]
    fn signals_have_numbers() {
        assert_eq!(signal_number("SIGTERM"), Some(15));
        assert_eq!(signal_number("USR1"), Some(10));
        assert_eq!(signal_number("SIGNOTHING"), None);
    }
}
