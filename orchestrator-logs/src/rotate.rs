//! Rotation of logs that another process writes: it is told one path for good, so that path is a
//! link to the newest file.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::{FILES_KEPT, file_numbers, file_path};

/// The name, in the directory of a log, of the link to the newest file.
pub const CURRENT: &str = "current";

/// Makes the directory of a log, and the path that its writer is told.
///
/// # Errors
/// The disk's.
pub fn begin(dir: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    let newest = file_numbers(dir).pop().unwrap_or_default();
    link(dir, newest)?;
    Ok(dir.join(CURRENT))
}

/// Points the link to a new file where the newest is longer than `longest` bytes, and deletes the
/// oldest; whether the writer must open its path again.
///
/// # Errors
/// The disk's.
pub fn rotate(dir: &Path, longest: u64) -> io::Result<bool> {
    let newest = file_numbers(dir).pop().unwrap_or_default();
    let bytes = std::fs::metadata(file_path(dir, newest)).map(|m| m.len()).unwrap_or_default();
    if bytes <= longest {
        return Ok(false);
    }
    let next = newest + 1;
    link(dir, next)?;
    for number in file_numbers(dir).into_iter().filter(|number| number + FILES_KEPT <= next) {
        std::fs::remove_file(file_path(dir, number))?;
    }
    Ok(true)
}

/// The link never is missing: a writer that opens it in between makes one of the two files.
fn link(dir: &Path, number: u64) -> io::Result<()> {
    let fresh = dir.join("next");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(format!("{number}.log"), &fresh)?;
    std::fs::rename(&fresh, dir.join(CURRENT))
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    #[test]
    fn the_writers_path_leads_to_the_newest_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = begin(dir.path()).unwrap();
        let append = |text: &str| {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            file.unwrap().write_all(text.as_bytes()).unwrap();
        };
        append("short");
        assert!(!rotate(dir.path(), 10).unwrap());
        append("and now long");
        assert!(rotate(dir.path(), 10).unwrap());
        append("new");
        assert_eq!(std::fs::read_to_string(file_path(dir.path(), 1)).unwrap(), "new");
        for _ in 0..6 {
            append("longer than ten bytes");
            assert!(rotate(dir.path(), 10).unwrap());
        }
        append("x");
        assert_eq!(file_numbers(dir.path()), [3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_log_that_is_there_is_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(file_path(dir.path(), 4), "old").unwrap();
        let path = begin(dir.path()).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "old");
    }
}
