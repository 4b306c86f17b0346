//! Exec and attach on streams: one each for errors, standard streams and terminal size.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::future::{Either, select};
use orchestrator_core::Env;
use orchestrator_core::node::{ExecSession, TerminalSize, Writer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::super::channels::{output, terminal_size};
use super::super::outcome;
use super::{Sender, Stream};

/// How long the client may take to begin its streams.
const BEGIN: Duration = Duration::from_secs(30);

/// How long the streams of a command that has ended may go on, and the client may take to leave.
const DRAIN: Duration = Duration::from_secs(1);

/// The longest message about the terminal's size.
const MAX_SIZE_BYTES: usize = 256;

/// The streams of a session, as the client begins them.
#[derive(Default)]
struct Streams {
    error: Option<Stream>,
    stdin: Option<Stream>,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    resize: Option<Stream>,
}

impl Streams {
    fn place(&mut self, name: &str) -> Option<&mut Option<Stream>> {
        Some(match name {
            "error" => &mut self.error,
            "stdin" => &mut self.stdin,
            "stdout" => &mut self.stdout,
            "stderr" => &mut self.stderr,
            "resize" => &mut self.resize,
            _ => return None,
        })
    }

    /// Takes streams until all of `expected` are there.
    async fn gather(expected: &[&str], streams: &mut mpsc::Receiver<Stream>) -> Option<Self> {
        let mut gathered = Self::default();
        while !expected.iter().all(|name| gathered.place(name).is_some_and(|s| s.is_some())) {
            let stream = streams.recv().await?;
            match gathered.place(stream.header("streamtype")) {
                Some(place @ None) => *place = Some(stream),
                _ => stream.sender.refuse().await,
            }
        }
        Some(gathered)
    }
}

/// Runs a session on a connection until the command has ended or the client is gone; `expected`
/// are the streams that the client has said it will begin.
pub(in super::super) async fn exec<S>(
    connection: S,
    session: ExecSession,
    expected: Vec<&'static str>,
    env: &Env,
) where
    S: AsyncRead + AsyncWrite + Send,
{
    let (driver, mut incoming) = super::session(connection);
    let serving = pin!(async {
        let gathered = pin!(Streams::gather(&expected, &mut incoming));
        match select(gathered, pin!(env.sleep(BEGIN))).await {
            Either::Left((Some(streams), _)) => run(session, streams, env).await,
            _ => tracing::debug!("the client did not begin its streams"),
        }
    });
    let driver = pin!(driver);
    if let Either::Right((_, driver)) = select(driver, serving).await {
        let _ = select(driver, pin!(env.sleep(DRAIN))).await;
    }
}

async fn run(session: ExecSession, streams: Streams, env: &Env) {
    let ExecSession { stdin, stdout, stderr, resize, mut exit } = session;
    let Streams { error, stdin: input, stdout: to_stdout, stderr: to_stderr, resize: sizes } =
        streams;
    let inward = pin!(async move {
        futures::join!(feed(input, stdin), resized(sizes, resize));
        // The client may stop talking long before the command has ended.
        std::future::pending::<()>().await;
    });
    let senders = [to_stdout, to_stderr].map(|stream| stream.map(|stream| stream.sender));
    let outward = pin!(async {
        let mut output = output(stdout, stderr);
        let exited = loop {
            match select(output.next(), &mut exit).await {
                Either::Left((Some(chunk), _)) => send(&senders, chunk).await,
                Either::Left((None, _)) => break exit.await,
                Either::Right((exited, _)) => break exited,
            }
        };
        let mut late = pin!(env.sleep(DRAIN));
        while let Either::Left((Some(chunk), _)) = select(output.next(), &mut late).await {
            send(&senders, chunk).await;
        }
        exited
    });
    let Either::Left((exited, _)) = select(outward, inward).await else { return };
    for sender in senders.iter().flatten() {
        sender.finish().await;
    }
    if let Some(error) = error {
        let document = outcome::document(exited).to_string();
        let _ = error.sender.send(Bytes::from(document)).await;
        error.sender.finish().await;
        error.sender.go_away().await;
    }
}

/// Sends what came from channel 1 or 2.
async fn send(senders: &[Option<Sender>; 2], (channel, data): (u8, Bytes)) {
    if let Some(Some(sender)) = senders.get(usize::from(channel) - 1) {
        let _ = sender.send(data).await;
    }
}

async fn feed(input: Option<Stream>, stdin: Option<Writer>) {
    let (Some(mut input), Some(mut stdin)) = (input, stdin) else { return };
    while let Some(data) = input.data.recv().await {
        if stdin.write_all(&data).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
    let _ = stdin.shutdown().await;
}

/// Sizes come as JSON objects one after the other, a line each.
async fn resized(sizes: Option<Stream>, resize: Option<mpsc::Sender<TerminalSize>>) {
    let (Some(mut sizes), Some(resize)) = (sizes, resize) else { return };
    let mut text = BytesMut::new();
    while let Some(data) = sizes.data.recv().await {
        text.extend_from_slice(&data);
        while let Some(end) = text.iter().position(|byte| *byte == b'}') {
            let object = text.split_to(end + 1);
            if let Some(size) = terminal_size(&object) {
                let _ = resize.send(size).await;
            }
        }
        if text.len() > MAX_SIZE_BYTES {
            return;
        }
    }
}
