//! Port-forward: one port of a server's pod becomes a connection in this process.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures::future::{Either, select};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use orchestrator_core::Env;
use orchestrator_core::env::Task;
use orchestrator_core::node::Connection;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::super::channels::{self, CLOSE, READ_BYTES, message};
use super::{PIPE_BYTES, Version};

/// The channels of the first port of a session.
const DATA: u8 = 0;
const ERRORS: u8 = 1;

/// The connection to the only port of a session whose handshake is done.
///
/// That nobody listens there shows when it is read: the error is then the server's.
pub async fn forward<S>(connection: S, version: Version, env: &Env) -> Box<dyn Connection>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sink, messages) = channels::socket_as(Role::Client, connection).await.split();
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let (reader, writer) = tokio::io::split(far);
    let refused = Arc::new(Mutex::new(None));
    let outward = Outward { sink, reader, version };
    let inward = Inward { messages, writer, refused: Arc::clone(&refused) };
    let task = env.spawn("remote port", async move {
        let inward = pin!(inward.run());
        // What the port has still to say comes even when there is nothing more to say to it.
        if let Either::Right((_, inward)) = select(inward, pin!(outward.run())).await {
            inward.await;
        }
    });
    Box::new(Port { pipe: near, refused, _task: task })
}

/// What goes to the port.
struct Outward<S> {
    sink: SplitSink<WebSocketStream<S>, Message>,
    reader: ReadHalf<DuplexStream>,
    version: Version,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Outward<S> {
    async fn run(mut self) {
        let mut buffer = vec![0; READ_BYTES];
        while let Ok(read @ 1..) = self.reader.read(&mut buffer).await {
            if self.sink.send(message(DATA, &buffer[..read])).await.is_err() {
                return;
            }
        }
        if self.version == Version::V5 {
            let _ = self.sink.send(message(CLOSE, &[DATA])).await;
        }
    }
}

/// What comes from the port.
struct Inward<S> {
    messages: SplitStream<WebSocketStream<S>>,
    writer: WriteHalf<DuplexStream>,
    refused: Arc<Mutex<Option<String>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Inward<S> {
    async fn run(mut self) {
        // Each channel begins with the number of its port.
        let mut begun = [false; 2];
        while let Some(Ok(message)) = self.messages.next().await {
            if matches!(message, Message::Close(_)) {
                break;
            }
            let Some((channel @ (DATA | ERRORS), data)) = channels::split(message) else {
                continue;
            };
            let begun = &mut begun[usize::from(channel)];
            let data = match std::mem::replace(begun, true) {
                true => data,
                false => data.slice(data.len().min(2)..),
            };
            if data.is_empty() {
                continue;
            }
            if channel == ERRORS {
                *self.refused.lock() = Some(String::from_utf8_lossy(&data).into_owned());
                break;
            }
            if self.writer.write_all(&data).await.is_err() {
                return;
            }
        }
        let _ = self.writer.shutdown().await;
    }
}

/// A connection to a port, which owns the task behind it.
struct Port {
    pipe: DuplexStream,
    /// Why the port cannot be reached, once the server has said so.
    refused: Arc<Mutex<Option<String>>>,
    _task: Task<()>,
}

impl AsyncRead for Port {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.pipe).poll_read(cx, buffer);
        if matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before {
            let refused = self.refused.lock().take();
            return Poll::Ready(refused.map_or(Ok(()), |why| Err(io::Error::other(why))));
        }
        read
    }
}

impl AsyncWrite for Port {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use orchestrator_core::node::PortForwarder;

    use super::*;

    /// Port 80 answers, once it has heard all, with what it has heard; nobody listens elsewhere.
    #[derive(Debug)]
    struct Patient;

    #[async_trait]
    impl PortForwarder for Patient {
        async fn connect(&self, port: u16) -> io::Result<Box<dyn Connection>> {
            if port != 80 {
                return Err(io::Error::other("nobody listens"));
            }
            let (near, mut far) = tokio::io::duplex(64);
            let echo = Env::system().spawn("echo", async move {
                let mut heard = String::new();
                far.read_to_string(&mut heard).await.unwrap();
                far.write_all(heard.as_bytes()).await.unwrap();
            });
            // The echo ends with its connection.
            std::mem::forget(echo);
            Ok(Box::new(near))
        }
    }

    async fn connect(port: u16) -> (Box<dyn Connection>, Task<()>) {
        let env = Env::system();
        let (near, far) = tokio::io::duplex(128);
        let server = env.spawn("server", async move {
            channels::forward(far, vec![port], Arc::new(Patient), true).await;
        });
        (forward(near, Version::V5, &env).await, server)
    }

    #[tokio::test]
    async fn an_end_crosses_the_wire_in_one_direction_and_the_answer_comes_back() {
        let (mut port, _server) = connect(80).await;
        port.write_all(b"the whole question").await.unwrap();
        port.shutdown().await.unwrap();
        let mut answer = String::new();
        port.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "the whole question");
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_an_error_of_the_first_read() {
        let (mut port, _server) = connect(81).await;
        let error = port.read_u8().await.unwrap_err();
        assert_eq!(error.to_string(), "cannot connect to port 81: nobody listens");
    }
}
