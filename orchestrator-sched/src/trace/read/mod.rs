//! Reading traces: the published ones, and a plain format for one's own.

mod dlrm;
mod openb;
mod plain;
mod table;

pub use dlrm::{MachineSize, dlrm};
pub use openb::{openb, openb_names};
pub use plain::plain;

use std::path::{Path, PathBuf};

/// The largest file that is read: some ten million tasks.
const MAX_BYTES: u64 = 1 << 30;

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A row, or the first line, makes no sense.
    #[error("{}:{line}: {why}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl ReadError {
    fn row(path: &Path, line: u64, why: impl Into<String>) -> Self {
        Self::Row { path: path.to_owned(), line, why: why.into() }
    }
}
