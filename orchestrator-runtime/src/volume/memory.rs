//! Volumes in memory: a file system of their own, mounted where the volume is.

use std::ffi::CString;
use std::io;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// Mounts a file system in memory at `dir`, of at most `bytes`; one that is there already stays.
///
/// # Errors
/// The kernel's: it takes root.
pub(super) fn set_up(dir: &Path, bytes: Option<u64>) -> io::Result<()> {
    if is_mounted(dir)? {
        return Ok(());
    }
    let size = bytes.map(|bytes| format!(",size={bytes}")).unwrap_or_default();
    let options = CString::new(format!("mode=0777{size}"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount("tmpfs", dir, "tmpfs", flags, &*options)?)
}

/// Unmounts what is mounted at `dir`.
///
/// # Errors
/// The kernel's.
pub(super) fn remove(dir: &Path) -> io::Result<()> {
    match is_mounted(dir) {
        Ok(true) => Ok(unmount(dir, UnmountFlags::DETACH)?),
        _ => Ok(()),
    }
}

/// Whether `dir` is on another file system than the directory that it is in.
fn is_mounted(dir: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let above = dir.parent().unwrap_or(dir);
    Ok(std::fs::symlink_metadata(dir)?.dev() != std::fs::symlink_metadata(above)?.dev())
}
