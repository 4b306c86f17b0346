//! Why a log cannot be opened.

use std::io;

/// Why a log, or a file beside it, cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk failed.
    #[error("cannot read {file}")]
    Io {
        /// Which file.
        file: String,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The data are not what was written: restore them from an image or another member.
    #[error("{file} is damaged at byte {offset}: {damage}")]
    Damaged {
        /// Which file.
        file: String,
        /// Where.
        offset: u64,
        /// How.
        damage: Damage,
    },
    /// The log is of another cluster.
    #[error("{file} belongs to cluster {found:x}, not {wanted:x}")]
    Foreign {
        /// Which file.
        file: String,
        /// Whose it is.
        found: u64,
        /// Whose it should be.
        wanted: u64,
    },
    /// Somebody else uses the folder.
    #[error("the data folder is in use")]
    InUse(#[source] io::Error),
}

/// How a file is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The file's header is not readable.
    #[error("bad header")]
    Header,
    /// A frame is bad although later ones are good, or although it was synced.
    #[error("bad frame before good ones")]
    Hole,
    /// A file that others refer to is not there, or ends too early.
    #[error("a part of the log is missing")]
    Missing,
    /// A frame does not follow the one before.
    #[error("frames out of order")]
    Order,
    /// A checksum is wrong.
    #[error("wrong checksum")]
    Checksum,
    /// The content, although complete, means nothing to this program.
    #[error("unreadable content")]
    Content,
}

impl OpenError {
    pub(crate) fn io(file: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { file: file.into(), source }
    }

    pub(crate) fn damaged(file: &str, offset: u64, damage: Damage) -> Self {
        Self::Damaged { file: file.into(), offset, damage }
    }
}
