//! Sessions: commands run beside a container's own process, and attachment to that one.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::FutureExt;
use orchestrator_core::Status;
use orchestrator_core::node::{ExecOptions, ExecSession, Reader, TerminalSize, Writer};
use orchestrator_core::runtime::RuntimeError;
use orchestrator_logs::StreamName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe;
use tokio::sync::{broadcast, mpsc};
use tokio_util::io::StreamReader;

use super::child::{self, ProcessId, Streams};
use super::container::{Container, Stdin};
use super::pty::Pty;

/// How many sizes of a terminal may wait to be set: only the last one matters.
const RESIZES: usize = 4;

/// Runs a command in the container.
///
/// # Errors
/// [`RuntimeError::NotRunning`], or [`RuntimeError::Failed`] where the program does not run.
pub(super) fn exec(
    container: &Container,
    options: &ExecOptions,
) -> Result<ExecSession, RuntimeError> {
    let state = container.state();
    if !state.is_running() {
        return Err(RuntimeError::NotRunning(state.id));
    }
    let place = container.record.lock().place.clone();
    let command: Vec<String> =
        options.command.iter().map(|word| place.paths.rewrite(word)).collect();
    let failed = |error: io::Error| {
        let program = command.first().map(String::as_str).unwrap_or_default();
        RuntimeError::failed(format!("exec {program:?} failed"), error)
    };
    let (pty, streams) = exec_streams(options).map_err(failed)?;
    let mut child = child::start(&command, &place, streams).map_err(failed)?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
    let process = ProcessId::of(pid).unwrap_or(ProcessId { pid, started: 0 });
    let guard = Arc::new(Guard { process, ended: AtomicBool::new(false) });
    let (stdin, stdout, stderr) = match &pty {
        Some(pty) => (
            options.stdin.then(|| held(pty.clone(), &guard) as Writer),
            options.stdout.then(|| held(pty.clone(), &guard) as Reader),
            None,
        ),
        None => (
            child.stdin.take().map(|s| held(s, &guard) as Writer),
            child.stdout.take().map(|s| held(s, &guard) as Reader),
            child.stderr.take().map(|s| held(s, &guard) as Reader),
        ),
    };
    let (resize, resizing) = resizer(pty);
    let exit = async move {
        use std::os::unix::process::ExitStatusExt;
        let status = tokio::select! {
            biased;
            status = child.wait() => status.map_err(Status::internal)?,
            never = resizing => match never {},
        };
        guard.ended.store(true, Ordering::SeqCst);
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
    };
    Ok(ExecSession { stdin, stdout, stderr, resize, exit: exit.boxed() })
}

fn exec_streams(options: &ExecOptions) -> io::Result<(Option<Pty>, Streams)> {
    if options.tty {
        let (pty, theirs) = Pty::open()?;
        let streams = Streams {
            stdin: theirs.try_clone()?.into(),
            stdout: theirs.try_clone()?.into(),
            stderr: theirs.into(),
            terminal: true,
        };
        return Ok((Some(pty), streams));
    }
    let piped = |wanted| if wanted { Stdio::piped() } else { Stdio::null() };
    let streams = Streams {
        stdin: piped(options.stdin),
        stdout: piped(options.stdout),
        stderr: piped(options.stderr),
        terminal: false,
    };
    Ok((None, streams))
}

/// Joins the streams of the container's own process.
///
/// # Errors
/// [`RuntimeError::NotRunning`].
pub(super) fn attach(
    container: &Arc<Container>,
    options: &ExecOptions,
) -> Result<ExecSession, RuntimeError> {
    let state = container.state();
    if !state.is_running() {
        return Err(RuntimeError::NotRunning(state.id));
    }
    let reader = |stream| output(container, stream);
    let stdout = options.stdout.then(|| reader(StreamName::Stdout));
    let stderr = (options.stderr && !options.tty).then(|| reader(StreamName::Stderr));
    let mut pty = None;
    let mut stdin: Option<Writer> = None;
    let mut present = container.stdin.lock();
    match &mut *present {
        Stdin::Closed => {}
        Stdin::Terminal(terminal) => {
            pty = Some(terminal.clone());
            stdin = options.stdin.then(|| Box::pin(terminal.clone()) as Writer);
        }
        Stdin::Pipe { once: true, .. } if options.stdin => {
            if let Stdin::Pipe { sender, .. } = std::mem::take(&mut *present) {
                stdin = Some(Box::pin(sender));
            }
        }
        Stdin::Pipe { sender, .. } if options.stdin => {
            stdin = same_pipe(sender).ok().map(|sender| Box::pin(sender) as Writer);
        }
        Stdin::Pipe { .. } => {}
    }
    drop(present);
    let (resize, resizing) = resizer(pty);
    let container = Arc::clone(container);
    let exit = async move {
        tokio::select! {
            biased;
            () = container.wait() => {}
            never = resizing => match never {},
        }
        Ok(container.state().exit().map_or(0, |exit| exit.code))
    };
    Ok(ExecSession { stdin, stdout, stderr, resize, exit: exit.boxed() })
}

/// Another handle to the same pipe, so that it stays open when one client leaves.
fn same_pipe(sender: &pipe::Sender) -> io::Result<pipe::Sender> {
    pipe::Sender::from_owned_fd(rustix::io::fcntl_dupfd_cloexec(sender, 0)?)
}

/// One stream of the container's output, from now until the container has ended.
fn output(container: &Container, wanted: StreamName) -> Reader {
    let from = container.attached.subscribe();
    let state = (from, container.ended.clone());
    let chunks = futures::stream::unfold(state, move |(mut from, mut ended)| async move {
        loop {
            let received = tokio::select! {
                biased;
                received = from.recv() => received,
                // Everything was sent before the end was told, and is received before it.
                _ = ended.wait_for(|ended| *ended) => return None,
            };
            match received {
                Ok((stream, bytes)) if stream == wanted => {
                    return Some((io::Result::Ok(bytes), (from, ended)));
                }
                // Another stream, or a client too slow to get everything.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    });
    Box::pin(StreamReader::new(Box::pin(chunks)))
}

/// A sender of sizes for a terminal, and the work of setting them, which never ends by itself.
fn resizer(
    pty: Option<Pty>,
) -> (Option<mpsc::Sender<TerminalSize>>, impl Future<Output = Infallible> + Send) {
    let (sender, mut sizes) = mpsc::channel(RESIZES);
    let sender = pty.is_some().then_some(sender);
    let work = async move {
        if let Some(pty) = pty {
            while let Some(size) = sizes.recv().await {
                pty.resize(size);
            }
        }
        std::future::pending().await
    };
    (sender, work)
}

/// Ends a command when the last of its streams, and whoever awaits it, has gone.
#[derive(Debug)]
struct Guard {
    process: ProcessId,
    ended: AtomicBool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.ended.load(Ordering::SeqCst) {
            self.process.kill_group();
        }
    }
}

/// A stream of a command that keeps the command alive.
struct Held<S> {
    stream: S,
    _guard: Arc<Guard>,
}

fn held<S>(stream: S, guard: &Arc<Guard>) -> Pin<Box<Held<S>>> {
    Box::pin(Held { stream, _guard: Arc::clone(guard) })
}

impl<S: AsyncRead + Unpin> AsyncRead for Held<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
