//! Why a member does not start.

use std::io;

use orchestrator_core::BoxError;
use orchestrator_core::store::StoreError;

use crate::wal::OpenError;

/// Why a member does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another process uses the disk.
    #[error("the data folder is in use")]
    InUse(#[source] io::Error),
    /// The disk failed, or an image on it is damaged.
    #[error("the disk failed")]
    Disk(#[source] io::Error),
    /// The log cannot be opened.
    #[error("the log cannot be opened")]
    Log(#[from] OpenError),
    /// What is on the disk does not fit together.
    #[error("the data cannot be used")]
    Damaged(#[source] BoxError),
    /// The transport cannot listen.
    #[error("cannot listen for other members")]
    Listen(#[source] io::Error),
    /// The options contradict each other.
    #[error("bad options: {0}")]
    Options(String),
    /// The member has no data, joins nobody, and is not among those that begin.
    #[error("the member is not among the initial members, and joins nobody")]
    NotInitial,
    /// The member has run before and its data are gone: what it promised is unknown.
    #[error("the member has lost its data; remove it, then let it join as a new one")]
    LostData,
    /// The cluster does not let the member in.
    #[error("the cluster refused")]
    Refused(#[source] StoreError),
    /// No member that it should join answers.
    #[error("nobody lets the member in")]
    NobodyAnswers,
}
