//! Records on disk: what a later process must know to go on with the pods of an earlier one.
//!
//! ```text
//! <root>/<pod uid>/sandbox.json
//! <root>/<pod uid>/<container>/<attempt>/container.json, log/, root/, stdout, stderr
//! ```
//!
//! A record is replaced as a whole by a rename, so a reader sees the old or the new one.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use orchestrator_core::runtime::{ContainerPhase, ContainerState, Exit};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::child::ProcessId;
use super::paths::Paths;

/// What is kept about a sandbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SandboxRecord {
    /// Its id.
    pub id: String,
    /// The pod's uid.
    pub uid: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The pod's host name.
    pub hostname: String,
    /// Which sandbox of the pod.
    pub attempt: u32,
    /// Whether it runs.
    pub ready: bool,
    /// Its address; `None` for a pod that uses the node's.
    pub ip: Option<Ipv4Addr>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is kept about a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerRecord {
    /// Its id, which its processes carry in their environment.
    pub id: String,
    /// Its name in the pod.
    pub name: String,
    /// Which run.
    pub attempt: u32,
    /// The image as the pod names it.
    pub image: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
    /// Its main process; `None` before it runs.
    pub process: Option<ProcessId>,
    /// How it ended.
    pub exit: Option<ExitRecord>,
    /// How commands in it are run.
    pub place: Place,
}

/// Where and as whom the processes of a container run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Its paths.
    pub paths: Paths,
    /// The working directory.
    pub working_dir: PathBuf,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// The user to change to.
    pub user: Option<u32>,
    /// The group to change to.
    pub group: Option<u32>,
    /// More groups.
    pub groups: Vec<u32>,
    /// The signal that asks it to end.
    pub stop_signal: i32,
    /// The file with its last words.
    pub termination_message: PathBuf,
    /// Whether its log stands in for them.
    pub log_is_termination_message: bool,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// The exit code.
    pub code: i32,
    /// The signal.
    pub signal: Option<i32>,
    /// When.
    pub finished_at: Timestamp,
    /// Why, in one word.
    pub reason: String,
    /// Why, for people.
    pub message: String,
}

impl ContainerRecord {
    /// The container as the runtime reports it.
    pub fn state(&self) -> ContainerState {
        let phase = match (&self.exit, &self.process) {
            (Some(exit), _) => ContainerPhase::Exited(Exit {
                code: exit.code,
                signal: exit.signal,
                finished_at: exit.finished_at,
                reason: exit.reason.clone(),
                message: exit.message.clone(),
            }),
            (None, Some(_)) => ContainerPhase::Running,
            (None, None) => ContainerPhase::Created,
        };
        ContainerState {
            id: self.id.as_str().into(),
            name: self.name.clone(),
            attempt: self.attempt,
            image: self.image.clone(),
            image_id: String::new(),
            phase,
            created_at: self.created_at,
            started_at: self.started_at,
        }
    }
}

/// Replaces the record at `path`.
///
/// # Errors
/// The disk's.
pub fn write<T: Serialize>(path: &Path, record: &T) -> io::Result<()> {
    let bytes = serde_json::to_vec(record).map_err(io::Error::other)?;
    let new = path.with_extension("new");
    // Records hold environments, which hold secrets.
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&bytes)?;
    std::fs::rename(new, path)
}

/// Reads the record at `path`.
///
/// # Errors
/// It is not there, or is no such record.
pub fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    serde_json::from_slice(&std::fs::read(path)?).map_err(io::Error::other)
}

/// The names of the directories in `dir`, in order.
pub fn directories(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()).collect();
    paths.sort();
    paths
}

/// A name from outside as one part of a path.
///
/// # Errors
/// It would be another place than a file of that name.
pub fn component(name: &str) -> io::Result<&str> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
    if plain && name.len() <= 255 {
        return Ok(name);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("invalid name {name:?}")))
}
