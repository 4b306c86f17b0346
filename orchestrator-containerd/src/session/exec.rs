//! Exec: a command in a container, by containerd's task service.
//!
//! A task of its own waits for the command, passes on the end of its input and the sizes of its
//! terminal, and removes what belongs to it. When everything that was handed out is dropped before
//! the command ended, it is killed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use orchestrator_core::Status;
use orchestrator_core::node::{ExecOptions, ExecSession, Reader, TerminalSize, Writer};
use orchestrator_core::runtime::{ContainerId, RuntimeError};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use super::pipes::Pipes;
use crate::error::{failed, told};
use crate::link::Link;
use crate::runtime::Core;
use crate::wire::{containers, tasks};

/// The type of the description of a process.
const PROCESS: &str = "types.containerd.io/opencontainers/runtime-spec/1/Process";

/// How many sizes of a terminal may wait to be set: only the last one matters.
const SIZES: usize = 4;

/// The signal that nobody can refuse.
const KILL: u32 = 9;

/// One command.
#[derive(Clone, Debug)]
struct Command {
    link: Link,
    container: String,
    id: String,
}

/// Runs a command in a container.
///
/// # Errors
/// [`RuntimeError::Failed`] where it does not run.
pub(crate) async fn exec(
    core: &Arc<Core>,
    container: &ContainerId,
    options: &ExecOptions,
) -> Result<ExecSession, RuntimeError> {
    let program = options.command.first().map(String::as_str).unwrap_or_default();
    let what = format!("failed to exec in container: failed to start exec of {program:?}");
    let command = Command {
        link: core.link.clone(),
        container: container.as_str().to_owned(),
        id: core.env.uid(),
    };
    let process = process(&core.link, container, options).await?;
    let dir = core.sessions.join(&command.id);
    let pipes = Pipes::make(dir.clone(), options);
    let pipes = pipes.map_err(|error| RuntimeError::failed(what.as_str(), error))?;
    let begun = command.begin(&pipes, options.tty, process).await;
    if let Err(status) = begun {
        command.forget().await;
        let _ = std::fs::remove_dir_all(dir);
        return Err(failed(&what, &status));
    }
    Ok(session(core, command, pipes, options))
}

/// The container's own process, with another command.
async fn process(
    link: &Link,
    container: &ContainerId,
    options: &ExecOptions,
) -> Result<Value, RuntimeError> {
    let request = containers::GetContainerRequest { id: container.as_str().into() };
    let answer = link.containers().get(request).await;
    let answer = answer.map_err(|status| failed("cannot look at the container", &status))?;
    let spec = answer.into_inner().container.and_then(|c| c.spec).unwrap_or_default();
    let spec: Value = serde_json::from_slice(&spec.value)
        .map_err(|error| RuntimeError::failed("cannot read the container's description", error))?;
    let mut process = spec.get("process").cloned().unwrap_or_else(|| json!({}));
    if let Some(fields) = process.as_object_mut() {
        fields.insert("args".into(), json!(options.command));
        fields.insert("terminal".into(), json!(options.tty));
        fields.remove("consoleSize");
        if options.tty
            && let Some(env) = fields.get_mut("env").and_then(Value::as_array_mut)
        {
            env.push(json!("TERM=xterm"));
        }
    }
    Ok(process)
}

impl Command {
    async fn begin(
        &self,
        pipes: &Pipes,
        terminal: bool,
        process: Value,
    ) -> Result<(), tonic::Status> {
        let spec =
            prost_types::Any { type_url: PROCESS.into(), value: process.to_string().into_bytes() };
        let request = tasks::ExecProcessRequest {
            container_id: self.container.clone(),
            stdin: pipes.path("stdin"),
            stdout: pipes.path("stdout"),
            stderr: pipes.path("stderr"),
            terminal,
            spec: Some(spec),
            exec_id: self.id.clone(),
        };
        self.link.tasks().exec(request).await?;
        let (container_id, exec_id) = (self.container.clone(), self.id.clone());
        let request = tasks::StartRequest { container_id, exec_id };
        self.link.tasks().start(request).await.map(drop)
    }

    async fn wait(&self) -> Result<i32, Status> {
        let (container_id, exec_id) = (self.container.clone(), self.id.clone());
        let request = tasks::WaitRequest { container_id, exec_id };
        match self.link.tasks().wait(request).await {
            Ok(answer) => Ok(i32::try_from(answer.into_inner().exit_status).unwrap_or(i32::MAX)),
            Err(status) => Err(Status::internal(told(&status))),
        }
    }

    async fn close_input(&self) {
        let (container_id, exec_id) = (self.container.clone(), self.id.clone());
        let request = tasks::CloseIoRequest { container_id, exec_id, stdin: true };
        // A command that has ended has no input to close.
        let _ = self.link.tasks().close_io(request).await;
    }

    async fn resize(&self, size: TerminalSize) {
        let request = tasks::ResizePtyRequest {
            container_id: self.container.clone(),
            exec_id: self.id.clone(),
            width: size.width.into(),
            height: size.height.into(),
        };
        let _ = self.link.tasks().resize_pty(request).await;
    }

    async fn kill(&self) {
        let request = tasks::KillRequest {
            container_id: self.container.clone(),
            exec_id: self.id.clone(),
            signal: KILL,
            all: false,
        };
        let _ = self.link.tasks().kill(request).await;
    }

    async fn forget(&self) {
        let (container_id, exec_id) = (self.container.clone(), self.id.clone());
        let request = tasks::DeleteProcessRequest { container_id, exec_id };
        // It goes with its container at the latest.
        let _ = self.link.tasks().delete_process(request).await;
    }
}

fn session(
    core: &Arc<Core>,
    command: Command,
    mut pipes: Pipes,
    options: &ExecOptions,
) -> ExecSession {
    let (held, dropped) = oneshot::channel();
    let held = Arc::new(Held(Some(held)));
    let (close, closed) = oneshot::channel();
    let (resize, sizes) = mpsc::channel(SIZES);
    let (exited, exit) = oneshot::channel();
    let stdin = pipes.stdin.take().map(|pipe| {
        Box::pin(Input { pipe: Some(pipe), _close: Some(close), _held: Arc::clone(&held) })
            as Writer
    });
    let (stdout, stderr) = (pipes.stdout.take(), pipes.stderr.take());
    let mut drains = Vec::new();
    let mut output = |pipe: Option<pipe::Receiver>, wanted: bool| -> Option<Reader> {
        let pipe = pipe?;
        if wanted {
            return Some(Box::pin(Output { pipe, _held: Arc::clone(&held) }));
        }
        drains.push(pipe);
        None
    };
    let (stdout, stderr) = (output(stdout, options.stdout), output(stderr, options.stderr));
    let watch = Watch { command, pipes, dropped, closed, sizes, exited, drains };
    core.keep(core.env.spawn("exec", watch.run()));
    let exit = async move {
        let _held = held;
        exit.await.unwrap_or_else(|_| Err(Status::unavailable("the command was given up")))
    };
    let resize = options.tty.then_some(resize);
    ExecSession { stdin, stdout, stderr, resize, exit: exit.boxed() }
}

/// What a session's task owns.
struct Watch {
    command: Command,
    pipes: Pipes,
    /// Everything that was handed out is gone.
    dropped: oneshot::Receiver<()>,
    /// The input has ended.
    closed: oneshot::Receiver<()>,
    sizes: mpsc::Receiver<TerminalSize>,
    exited: oneshot::Sender<Result<i32, Status>>,
    /// Output that nobody wants.
    drains: Vec<pipe::Receiver>,
}

impl Watch {
    async fn run(self) {
        let Self { command, pipes, dropped, closed, sizes, exited, drains } = self;
        let drains = drains.into_iter().map(|pipe| drain(pipe).boxed());
        let mut drains = futures::future::join_all(drains).boxed().fuse();
        let mut tending = tend(&command, closed, sizes).fuse();
        let mut dropped: BoxFuture<'_, ()> = async { drop(dropped.await) }.boxed();
        let mut dropped = (&mut dropped).fuse();
        let waiting = command.wait();
        let mut waiting = std::pin::pin!(waiting);
        let ended = loop {
            tokio::select! {
                biased;
                ended = &mut waiting => break ended,
                () = &mut dropped => command.kill().await,
                _ = &mut tending => {}
                _ = &mut drains => {}
            }
        };
        let _ = exited.send(ended);
        command.forget().await;
        let _ = std::fs::remove_dir_all(pipes.dir());
    }
}

/// Passes on the end of the input and the sizes of the terminal.
fn tend<'a>(
    command: &'a Command,
    closed: oneshot::Receiver<()>,
    mut sizes: mpsc::Receiver<TerminalSize>,
) -> BoxFuture<'a, ()> {
    let closing = async {
        // Its sender is dropped with the input.
        let _ = closed.await;
        command.close_input().await;
    };
    let resizing = async move {
        while let Some(size) = sizes.recv().await {
            command.resize(size).await;
        }
    };
    async move {
        futures::join!(closing, resizing);
    }
    .boxed()
}

async fn drain(mut pipe: pipe::Receiver) {
    // Where it cannot be read there is nothing to drop.
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
}

/// Tells, when the last of a session's parts is dropped, that nobody wants the command any more.
struct Held(Option<oneshot::Sender<()>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(());
        }
    }
}

/// The command's input; it ends when this is shut down or dropped.
struct Input {
    pipe: Option<pipe::Sender>,
    _close: Option<oneshot::Sender<()>>,
    _held: Arc<Held>,
}

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.pipe {
            Some(pipe) => Pin::new(pipe).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (self.pipe, self._close) = (None, None);
        Poll::Ready(Ok(()))
    }
}

/// The command's output.
struct Output {
    pipe: pipe::Receiver,
    _held: Arc<Held>,
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buffer)
    }
}
