//! What a container writes: to its log, and to whoever is attached.

use std::io;
use std::path::Path;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use super::child;
use super::pty::Pty;
use orchestrator_logs::StreamName;

/// How much is read at a time.
const CHUNK: usize = 16 * 1024;

/// The agent's end of a container's output.
#[derive(Debug)]
pub enum Output {
    /// Two named pipes, which outlive the agent.
    Pipes {
        /// The standard output.
        stdout: pipe::Receiver,
        /// The standard error.
        stderr: pipe::Receiver,
    },
    /// A terminal.
    Terminal(Pty),
}

impl Output {
    /// Opens the named pipes in `dir`.
    ///
    /// # Errors
    /// They are not there.
    pub fn open_pipes(dir: &Path) -> io::Result<Self> {
        let open = |name| pipe::OpenOptions::new().read_write(true).open_receiver(dir.join(name));
        Ok(Self::Pipes { stdout: open("stdout")?, stderr: open("stderr")? })
    }

    /// Makes the named pipes in `dir`.
    ///
    /// # Errors
    /// The disk's.
    pub fn make_pipes(dir: &Path) -> io::Result<Self> {
        child::make_pipe(&dir.join("stdout"))?;
        child::make_pipe(&dir.join("stderr"))?;
        Self::open_pipes(dir)
    }

    /// The next bytes; never for a terminal that has ended.
    ///
    /// # Cancellation
    /// Loses nothing.
    pub async fn next(&mut self) -> (StreamName, Bytes) {
        let mut buffer = vec![0; CHUNK];
        match self {
            Self::Pipes { stdout, stderr } => loop {
                let stream = tokio::select! {
                    biased;
                    _ = stdout.readable() => StreamName::Stdout,
                    _ = stderr.readable() => StreamName::Stderr,
                };
                let pipe = if stream == StreamName::Stdout { &*stdout } else { &*stderr };
                if let Ok(count @ 1..) = pipe.try_read(&mut buffer) {
                    buffer.truncate(count);
                    return (stream, buffer.into());
                }
            },
            Self::Terminal(pty) => match pty.read(&mut buffer).await {
                Ok(count @ 1..) => {
                    buffer.truncate(count);
                    (StreamName::Stdout, buffer.into())
                }
                Ok(0) | Err(_) => std::future::pending().await,
            },
        }
    }

    /// What is still there once nobody writes any more.
    pub fn rest(&mut self) -> Vec<(StreamName, Bytes)> {
        let mut rest = Vec::new();
        let Self::Pipes { stdout, stderr } = self else { return rest };
        for (stream, pipe) in [(StreamName::Stdout, stdout), (StreamName::Stderr, stderr)] {
            let mut buffer = vec![0; CHUNK];
            while let Ok(count @ 1..) = read_now(pipe, &mut buffer) {
                rest.push((stream, Bytes::copy_from_slice(&buffer[..count])));
            }
        }
        rest
    }
}

/// Reads without asking the reactor, which may not have seen the last bytes yet.
fn read_now(pipe: &pipe::Receiver, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(pipe, buffer)?)
}
