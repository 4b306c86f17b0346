//! Files of keys and certificates: private ones are readable by their owner only.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::TlsError;

/// Who may read a file.
#[derive(Clone, Copy)]
pub(super) enum Access {
    /// Everybody.
    Public,
    /// The owner only.
    Private,
}

/// The text of the file at `path`; where there is none, it is made of `text` first.
pub(super) fn read_or_make(
    path: &Path,
    access: Access,
    text: impl FnOnce() -> Result<String, TlsError>,
) -> Result<String, TlsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = text()?;
            write(path, access, &text)?;
            Ok(text)
        }
        Err(source) => Err(TlsError::File { path: path.into(), source }),
    }
}

/// Writes a file as a whole: a reader sees the old text or the new one.
pub(super) fn write(path: &Path, access: Access, text: &str) -> Result<(), TlsError> {
    let mode = match access {
        Access::Public => 0o644,
        Access::Private => 0o600,
    };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let write = || {
        let _ = fs::remove_file(&part);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().map_err(|source| TlsError::File { path: path.into(), source })
}
