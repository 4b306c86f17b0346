//! Housekeeping: what a node looks after besides its pods, where the runtime lets it.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{ContainerId, RuntimeError};

/// What the keeper of a node asks of a runtime that uses images and limits.
///
/// # Contract
/// - An image that is in use is reported as such by whoever asks for the pods, not here.
/// - Usage is what the kernel has counted since the container began to run.
#[async_trait]
pub trait Housekeeping: fmt::Debug + Send + Sync + 'static {
    /// All images, in order of their ids.
    ///
    /// # Errors
    /// [`Unavailable`](RuntimeError::Unavailable).
    async fn images(&self) -> Result<Vec<StoredImage>, RuntimeError>;

    /// What each container that runs uses.
    ///
    /// # Errors
    /// [`Unavailable`](RuntimeError::Unavailable).
    async fn usage(&self) -> Result<Vec<ContainerUsage>, RuntimeError>;

    /// The directory of the file system that holds images and containers.
    fn image_directory(&self) -> std::path::PathBuf;

    /// Gives every container whose log has outgrown `longest` bytes a fresh file.
    ///
    /// # Errors
    /// [`Failed`](RuntimeError::Failed).
    async fn rotate_logs(&self, longest: u64) -> Result<(), RuntimeError>;
}

/// An image on the node, with its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredImage {
    /// The image by its content.
    pub id: String,
    /// Names with tags.
    pub tags: Vec<String>,
    /// Names with digests.
    pub digests: Vec<String>,
    /// Its size.
    pub bytes: u64,
    /// Whether it must stay whatever happens.
    pub pinned: bool,
}

/// What one container uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerUsage {
    /// The pod's uid.
    pub pod: String,
    /// Which.
    pub id: ContainerId,
    /// Its name in the pod.
    pub name: String,
    /// When this was counted.
    pub at: Timestamp,
    /// CPU time used so far.
    pub cpu_ns: u64,
    /// Memory that cannot be taken from it without harm.
    pub working_set_bytes: u64,
    /// All memory that counts as its own.
    pub memory_bytes: u64,
    /// Anonymous memory.
    pub rss_bytes: u64,
    /// Page faults so far.
    pub page_faults: u64,
    /// Page faults so far that had to read.
    pub major_page_faults: u64,
    /// What it has written into its own files.
    pub disk_bytes: u64,
    /// How many files these are.
    pub inodes: u64,
}
