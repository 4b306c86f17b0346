//! Exec and attach: standard streams, terminal size and exit status on a channel each.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream::{self, BoxStream};
use futures::{SinkExt, StreamExt};
use orchestrator_core::Env;
use orchestrator_core::node::{ExecSession, Reader, TerminalSize, Writer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::io::ReaderStream;

use super::super::outcome;
use super::{CLOSE, ERROR, RESIZE, STDERR, STDIN, STDOUT};

/// How long the streams of a command that has ended may go on: a child that it left behind may
/// hold them open for ever.
const DRAIN: Duration = Duration::from_secs(1);

/// Runs a session on a WebSocket until the command has ended or the client is gone.
pub(in super::super) async fn exec<S>(connection: S, session: ExecSession, v5: bool, env: &Env)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let ExecSession { stdin, stdout, stderr, resize, exit } = session;
    let (mut sink, mut messages) = super::socket(connection).await.split();
    let incoming = pin!(async move {
        let mut incoming = Incoming { stdin, resize, v5 };
        while let Some(Ok(message)) = messages.next().await {
            if matches!(message, Message::Close(_)) {
                return;
            }
            incoming.take(message).await;
        }
    });
    let outgoing = pin!(async move {
        let mut output = output(stdout, stderr);
        let mut exit = exit;
        let exited = loop {
            match select(output.next(), &mut exit).await {
                Either::Left((Some((channel, data)), _)) => {
                    sink.send(super::message(channel, &data)).await?;
                }
                Either::Left((None, _)) => break exit.await,
                Either::Right((exited, _)) => break exited,
            }
        };
        let mut late = pin!(env.sleep(DRAIN));
        while let Either::Left((Some((channel, data)), _)) = select(output.next(), &mut late).await
        {
            sink.send(super::message(channel, &data)).await?;
        }
        let outcome = outcome::document(exited).to_string();
        sink.send(super::message(ERROR, outcome.as_bytes())).await?;
        sink.send(super::goodbye()).await?;
        sink.close().await
    });
    match select(outgoing, incoming).await {
        Either::Left((Err(error), _)) => tracing::debug!(%error, "session broke off"),
        // The client says goodbye after the server has: wait for it, so that nothing sent is lost.
        Either::Left((Ok::<(), Error>(()), incoming)) => {
            let _ = select(incoming, pin!(env.sleep(DRAIN))).await;
        }
        Either::Right(_) => {}
    }
}

/// What a command writes, with the channels that it goes to.
pub(in super::super) fn output(
    stdout: Option<Reader>,
    stderr: Option<Reader>,
) -> BoxStream<'static, (u8, Bytes)> {
    let chunks = |reader: Option<Reader>, channel: u8| match reader {
        Some(reader) => ReaderStream::with_capacity(reader, super::READ_BYTES)
            .take_while(|chunk| futures::future::ready(chunk.is_ok()))
            .filter_map(move |chunk| futures::future::ready(chunk.ok().map(|data| (channel, data))))
            .boxed(),
        None => stream::empty().boxed(),
    };
    stream::select(chunks(stdout, STDOUT), chunks(stderr, STDERR)).boxed()
}

/// The command's ends of what a client sends.
struct Incoming {
    stdin: Option<Writer>,
    resize: Option<mpsc::Sender<TerminalSize>>,
    v5: bool,
}

impl Incoming {
    async fn take(&mut self, message: Message) {
        let Some((channel, data)) = super::split(message) else { return };
        match channel {
            STDIN => {
                let Some(stdin) = &mut self.stdin else { return };
                let written = stdin.write_all(&data).await.is_ok() && stdin.flush().await.is_ok();
                if !written {
                    self.stdin = None;
                }
            }
            RESIZE => {
                if let (Some(resize), Some(size)) = (&self.resize, terminal_size(&data)) {
                    let _ = resize.send(size).await;
                }
            }
            CLOSE if self.v5 && data.first() == Some(&STDIN) => self.stdin = None,
            _ => {}
        }
    }
}

/// Reads bytes as what a client sends, until they end or are refused.
#[cfg(feature = "fuzzing")]
pub(in super::super) async fn read_all(bytes: &[u8]) {
    let connection = tokio::io::join(bytes, tokio::io::sink());
    let (_sink, mut messages) = super::socket(connection).await.split();
    let (resize, mut sizes) = mpsc::channel(1);
    let stdin: Writer = Box::pin(tokio::io::sink());
    let mut incoming = Incoming { stdin: Some(stdin), resize: Some(resize), v5: true };
    while let Some(Ok(message)) = messages.next().await {
        incoming.take(message).await;
        let _ = sizes.try_recv();
    }
}

/// Reads `{"Width": 80, "Height": 24}`.
pub(in super::super) fn terminal_size(data: &[u8]) -> Option<TerminalSize> {
    let json: orchestrator_core::Json = serde_json::from_slice(data).ok()?;
    let side = |name: &str| json.get(name)?.as_u64()?.try_into().ok();
    Some(TerminalSize { width: side("Width")?, height: side("Height")? })
}
