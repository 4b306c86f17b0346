//! Reading traces: the published ones, and a plain format for one's own.

mod dlrm;
mod openb;
mod plain;
mod table;

pub use dlrm::{MachineSize, dlrm};
pub use openb::{PUBLISHED, openb, openb_names};
pub use plain::plain;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::workload::Workload;

/// The largest file that is read: some ten million tasks.
const MAX_BYTES: u64 = 1 << 30;

/// The longest first line that is looked at to tell formats apart.
const MAX_HEAD_BYTES: u64 = 1 << 16;

/// Reads one file, of DLRM-2025 or of the [plain](plain()) format, by its first line.
///
/// # Errors
/// It is missing or malformed.
pub fn file(path: &Path) -> Result<Workload, ReadError> {
    let failed = |source| ReadError::File { path: path.to_owned(), source };
    let mut head = Vec::new();
    let file = File::open(path).map_err(failed)?.take(MAX_HEAD_BYTES);
    BufReader::new(file).read_until(b'\n', &mut head).map_err(failed)?;
    match head.starts_with(b"instance_sn,") {
        true => dlrm(path, MachineSize::default()),
        false => plain(path),
    }
}

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
