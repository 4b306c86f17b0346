//! The unsafe code of this crate, all of it: what runs between fork and exec, and files that the
//! reactor watches.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;
use tokio::io::unix::AsyncFd;
use tokio::process::Command;

/// Runs `setup` in the child between fork and exec.
///
/// # Contract
/// `setup` only makes system calls: it takes no lock and allocates nothing.
#[allow(unsafe_code)]
pub fn before_exec(
    command: &mut Command,
    setup: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: the only callers are in `process::child`, whose closures make system calls and
    // nothing else, which is all that may be done in the child of a process with threads.
    unsafe {
        command.pre_exec(setup);
    }
}

/// A file that can be waited for: a terminal, a pidfd, an inotify instance.
///
/// It lends its descriptor and never gives it away, so it stays open as long as it is watched.
#[derive(Debug)]
pub struct Watched(AsyncFd<OwnedFd>);

impl Watched {
    /// Watches `file`, which becomes non-blocking.
    ///
    /// # Errors
    /// The reactor does not take it: it is a regular file.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[allow(unsafe_code)]
    pub fn new(file: impl Into<OwnedFd>) -> io::Result<Self> {
        let file = file.into();
        rustix::io::ioctl_fionbio(&file, true)?;
        // SAFETY: an `OwnedFd` is open and keeps its number; `Self` never lends it mutably, so it
        // cannot be replaced or closed before the registration goes with it.
        let registered = unsafe { AsyncFd::register(file) };
        Ok(Self(registered?))
    }

    /// Waits until it can be read, or is broken.
    pub async fn readable(&self) {
        if let Ok(mut ready) = self.0.readable().await {
            ready.clear_ready();
        }
    }

    /// Reads some bytes; none at the end.
    pub fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            let unfilled = buffer.initialize_unfilled();
            let read = |file: &AsyncFd<OwnedFd>| Ok(rustix::io::read(file.get_ref(), unfilled)?);
            if let Ok(result) = guard.try_io(read) {
                return Poll::Ready(result.map(|count| buffer.advance(count)));
            }
        }
    }

    /// Writes some bytes.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(cx))?;
            let write = |file: &AsyncFd<OwnedFd>| Ok(rustix::io::write(file.get_ref(), bytes)?);
            if let Ok(result) = guard.try_io(write) {
                return Poll::Ready(result);
            }
        }
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}
