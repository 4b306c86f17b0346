//! Exec and attach: a session on a server becomes one in this process.

use std::pin::pin;

use futures::future::{Either, select};
use futures::stream::{SplitSink, SplitStream};
use futures::{FutureExt, SinkExt, StreamExt};
use orchestrator_core::node::{ExecOptions, ExecSession, Reader, TerminalSize, Writer};
use orchestrator_core::{Env, Status};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::super::channels::{
    self, CLOSE, ERROR, READ_BYTES, RESIZE, STDERR, STDIN, STDOUT, message,
};
use super::super::outcome;
use super::PIPE_BYTES;

/// How many new sizes of the terminal may wait.
const SIZES: usize = 4;

/// The session behind a connection that has been upgraded to a WebSocket with channels in
/// version 5; it has the streams that `options` name.
pub async fn exec<S>(connection: S, options: &ExecOptions, env: &Env) -> ExecSession
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sink, messages) = channels::socket_as(Role::Client, connection).await.split();
    let (stdin, to_send) = pipe(options.stdin);
    let (stdout_writer, stdout) = pipe(options.stdout);
    let (stderr_writer, stderr) = pipe(options.stderr);
    let (resize, sizes) = mpsc::channel(SIZES);
    let (exited, exit) = oneshot::channel();
    let outward = Outward { sink, stdin: to_send, sizes };
    let inward = Inward { messages, stdout: stdout_writer, stderr: stderr_writer };
    let task = env.spawn("remote session", async move {
        let outward = pin!(outward.run());
        let ended = match select(pin!(inward.run()), outward).await {
            Either::Left((ended, _)) => ended,
            Either::Right((Err(error), _)) => Err(broken(&error)),
            Either::Right((Ok(never), _)) => match never {},
        };
        // Whoever has dropped the session does not want to know.
        let _ = exited.send(ended);
    });
    let exit = async move {
        let _session = task;
        exit.await.unwrap_or_else(|_| Err(Status::unavailable("the session was given up")))
    };
    ExecSession { stdin, stdout, stderr, resize: options.tty.then_some(resize), exit: exit.boxed() }
}

/// A pipe, where there is to be one.
fn pipe(wanted: bool) -> (Option<Writer>, Option<Reader>) {
    let ends = wanted.then(|| tokio::io::duplex(PIPE_BYTES));
    match ends {
        Some((near, far)) => (Some(Box::pin(near)), Some(Box::pin(far))),
        None => (None, None),
    }
}

fn broken(error: &Error) -> Status {
    Status::unavailable(format!("the session with the node broke off: {error}"))
}

/// What goes to the command.
struct Outward<S> {
    sink: SplitSink<WebSocketStream<S>, Message>,
    stdin: Option<Reader>,
    sizes: mpsc::Receiver<TerminalSize>,
}

enum Never {}

impl<S: AsyncRead + AsyncWrite + Unpin> Outward<S> {
    /// Ends only with the connection: a command may go on when nobody has more to say to it.
    async fn run(mut self) -> Result<Never, Error> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let next = {
                let input = pin!(read(&mut self.stdin, &mut buffer));
                let size = pin!(size(&mut self.sizes));
                match select(input, size).await {
                    Either::Left((read, _)) => Next::Input(read),
                    Either::Right((size, _)) => Next::Size(size),
                }
            };
            match next {
                Next::Input(0) => {
                    self.stdin = None;
                    self.sink.send(message(CLOSE, &[STDIN])).await?;
                }
                Next::Input(read) => self.sink.send(message(STDIN, &buffer[..read])).await?,
                Next::Size(TerminalSize { width, height }) => {
                    let size = json!({"Width": width, "Height": height}).to_string();
                    self.sink.send(message(RESIZE, size.as_bytes())).await?;
                }
            }
        }
    }
}

enum Next {
    Input(usize),
    Size(TerminalSize),
}

/// The next piece of the input; 0 at its end, after which there is nothing to wait for.
async fn read(stdin: &mut Option<Reader>, buffer: &mut [u8]) -> usize {
    match stdin {
        Some(stdin) => stdin.read(buffer).await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

async fn size(sizes: &mut mpsc::Receiver<TerminalSize>) -> TerminalSize {
    match sizes.recv().await {
        Some(size) => size,
        None => std::future::pending().await,
    }
}

/// What comes from the command.
struct Inward<S> {
    messages: SplitStream<WebSocketStream<S>>,
    stdout: Option<Writer>,
    stderr: Option<Writer>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Inward<S> {
    /// Reads until the server tells how the command ended, which it does last.
    async fn run(mut self) -> Result<i32, Status> {
        while let Some(message) = self.messages.next().await {
            let message = message.map_err(|error| broken(&error))?;
            if matches!(message, Message::Close(_)) {
                break;
            }
            let Some((channel, data)) = channels::split(message) else { continue };
            let stream = match channel {
                STDOUT => &mut self.stdout,
                STDERR => &mut self.stderr,
                ERROR => return outcome::read(&data),
                CLOSE if data.first() == Some(&STDOUT) => {
                    self.stdout = None;
                    continue;
                }
                CLOSE if data.first() == Some(&STDERR) => {
                    self.stderr = None;
                    continue;
                }
                _ => continue,
            };
            // A reader that is gone takes nothing more; the command goes on.
            if let Some(writer) = stream
                && writer.write_all(&data).await.is_err()
            {
                *stream = None;
            }
        }
        Err(Status::unavailable("the node did not say how the command ended"))
    }
}

/// Reads bytes as what a server sends, until they end or are refused.
#[cfg(feature = "fuzzing")]
pub(crate) async fn read_all(bytes: &[u8]) {
    let connection = tokio::io::join(bytes, tokio::io::sink());
    let (_sink, messages) = channels::socket_as(Role::Client, connection).await.split();
    let sink = || Some(Box::pin(tokio::io::sink()) as Writer);
    let _ = Inward { messages, stdout: sink(), stderr: sink() }.run().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session whose command shouts back its input and ends with `code`.
    fn shouting(code: i32) -> ExecSession {
        let (stdin, mut input) = tokio::io::duplex(64);
        let (mut output, stdout) = tokio::io::duplex(64);
        let exit = async move {
            let mut text = String::new();
            input.read_to_string(&mut text).await.map_err(Status::internal)?;
            output.write_all(text.to_uppercase().as_bytes()).await.map_err(Status::internal)?;
            Ok(code)
        };
        ExecSession {
            stdin: Some(Box::pin(stdin)),
            stdout: Some(Box::pin(stdout)),
            stderr: None,
            resize: None,
            exit: exit.boxed(),
        }
    }

    #[tokio::test]
    async fn input_output_and_exit_code_cross_the_wire() {
        let env = Env::system();
        let (near, far) = tokio::io::duplex(128);
        let serving = env.clone();
        let _server = env.spawn("server", async move {
            channels::exec(far, shouting(7), true, &serving).await;
        });
        let options = ExecOptions { stdin: true, stdout: true, ..ExecOptions::default() };
        let mut session = exec(near, &options, &env).await;
        let mut stdin = session.stdin.take().unwrap();
        let text = "hello ".repeat(10_000);
        let mut out = String::new();
        let mut stdout = session.stdout.take().unwrap();
        let writing = async {
            stdin.write_all(text.as_bytes()).await.unwrap();
            drop(stdin);
        };
        let (_, read) = futures::join!(writing, stdout.read_to_string(&mut out));
        read.unwrap();
        assert_eq!(out, text.to_uppercase());
        assert!(session.stderr.is_none() && session.resize.is_none());
        assert_eq!(session.exit.await, Ok(7));
    }

    #[tokio::test]
    async fn a_server_that_is_gone_is_a_failure() {
        let (near, far) = tokio::io::duplex(128);
        let session = exec(near, &ExecOptions::default(), &Env::system()).await;
        drop(far);
        assert_eq!(session.exit.await.unwrap_err().code, 503);
    }
}
