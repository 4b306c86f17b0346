//! The disk as an engine sees it: a flat folder of files, and when their bytes are safe.
//!
//! Engines do all file I/O through [`Disk`], so that a simulation can lose what was not synced,
//! tear a write, fill up, or fail. All calls block: engines make them inside
//! [`Env::blocking`](orchestrator_core::Env::blocking).

mod files;

pub use files::Files;

use std::fmt;
use std::io;

/// A folder of files.
///
/// # Contract
/// - What [`DiskFile::sync`] returned for survives power loss, except that a new or renamed file
///   itself survives only after [`sync_dir`](Self::sync_dir).
/// - What was written and not synced may be there, or not, or in part, in any order.
/// - After a failed sync nothing is known about what was written before it: never sync again and
///   go on.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Opens the file `name`, made empty where it is not there if `create`.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) and whatever the system says.
    fn open(&self, name: &str, create: bool) -> io::Result<Box<dyn DiskFile>>;

    /// Names all files, in order.
    ///
    /// # Errors
    /// Whatever the system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Renames a file, replacing one of the new name.
    ///
    /// # Errors
    /// Whatever the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Whatever the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names of files safe.
    ///
    /// # Errors
    /// Nothing is known about names changed before.
    fn sync_dir(&self) -> io::Result<()>;

    /// Keeps others from using the folder until the lock is dropped.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock): somebody uses it.
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads up to `into.len()` bytes at `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// Whatever the system says.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// [`StorageFull`](io::ErrorKind::StorageFull), and whatever the system says; then part of
    /// the bytes may be written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the file `len` bytes long; `reserve` takes the space from the disk now.
    ///
    /// # Errors
    /// [`StorageFull`](io::ErrorKind::StorageFull), and whatever the system says.
    fn set_len(&self, len: u64, reserve: bool) -> io::Result<()>;

    /// How long the file is.
    ///
    /// # Errors
    /// Whatever the system says.
    fn size(&self) -> io::Result<u64>;

    /// Makes what was written safe.
    ///
    /// # Errors
    /// Nothing is known about what was written before; the file must not be used again.
    fn sync(&self) -> io::Result<()>;
}
