//! Terminals: the agent's end of a pair, to be read, written and resized.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use orchestrator_core::node::TerminalSize;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::raw::Watched;

/// The agent's end of a terminal; clones share it.
#[derive(Clone, Debug)]
pub struct Pty {
    file: Arc<Watched>,
}

impl Pty {
    /// A new terminal: the agent's end, and the end for a process.
    ///
    /// # Errors
    /// The host has no more of them.
    pub fn open() -> io::Result<(Self, File)> {
        let ours = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        rustix::pty::grantpt(&ours)?;
        rustix::pty::unlockpt(&ours)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let theirs = rustix::pty::ioctl_tiocgptpeer(&ours, flags)?;
        rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC)?;
        Ok((Self { file: Arc::new(Watched::new(ours)?) }, File::from(theirs)))
    }

    /// Tells the terminal its size.
    pub fn resize(&self, size: TerminalSize) {
        let size = Winsize { ws_row: size.height, ws_col: size.width, ws_xpixel: 0, ws_ypixel: 0 };
        // A terminal whose process has ended has no size to be told.
        let _ = rustix::termios::tcsetwinsize(&*self.file, size);
    }
}

impl AsyncRead for Pty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.file.poll_read(cx, buffer) {
            // Nobody holds the other end any more: the end of the file.
            Poll::Ready(Err(error)) if is_hangup(&error) => Poll::Ready(Ok(())),
            other => other,
        }
    }
}

fn is_hangup(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

impl AsyncWrite for Pty {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.file.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
