//! Port-forward on channels: two per port, data and errors.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream::SplitSink;
use futures::{SinkExt, StreamExt};
use orchestrator_core::node::PortForwarder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// How many messages may wait for a port that reads slowly.
const QUEUE: usize = 16;

/// Serves the given ports on a WebSocket until all have ended or the client is gone.
pub(in super::super) async fn forward<S>(
    connection: S,
    wanted: Vec<u16>,
    ports: Arc<dyn PortForwarder>,
    v5: bool,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (sink, mut messages) = super::socket(connection).await.split();
    let (replies, outgoing) = mpsc::channel::<Message>(QUEUE);
    let mut inputs = Vec::new();
    let mut links = Vec::new();
    for (index, port) in (0_u8..).step_by(2).zip(wanted) {
        let (input, received) = mpsc::channel::<Bytes>(QUEUE);
        inputs.push(Some(input));
        let link = Link { index, port, received, replies: replies.clone() };
        links.push(link.run(Arc::clone(&ports)));
    }
    drop(replies);
    let reading = async {
        while let Some(Ok(message)) = messages.next().await {
            if matches!(message, Message::Close(_)) {
                return;
            }
            let Some((channel, data)) = super::split(message) else { continue };
            if v5 && channel == super::CLOSE {
                // The client has no more for this port, which may still answer.
                let done = data.first().filter(|channel| *channel % 2 == 0);
                if let Some(input) = done.and_then(|c| inputs.get_mut(usize::from(c / 2))) {
                    *input = None;
                }
                continue;
            }
            let place = usize::from(channel / 2);
            let Some(Some(input)) = inputs.get(place).filter(|_| channel % 2 == 0) else {
                continue;
            };
            // A port that has ended takes nothing more; the others go on.
            if input.send(data).await.is_err() {
                inputs[place] = None;
            }
        }
    };
    let serving = async { futures::join!(futures::future::join_all(links), write(sink, outgoing)) };
    let (reading, serving) = (std::pin::pin!(reading), std::pin::pin!(serving));
    let _ = select(serving, reading).await;
}

/// Sends what the ports say, until the last of them has ended.
async fn write<S>(
    mut sink: SplitSink<WebSocketStream<S>, Message>,
    mut outgoing: mpsc::Receiver<Message>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = outgoing.recv().await {
        if sink.send(message).await.is_err() {
            return;
        }
    }
    let _ = sink.send(super::goodbye()).await;
    let _ = sink.close().await;
}

/// One port of a session.
struct Link {
    /// The channel of its data; the next one is that of its errors.
    index: u8,
    port: u16,
    received: mpsc::Receiver<Bytes>,
    replies: mpsc::Sender<Message>,
}

impl Link {
    async fn run(mut self, ports: Arc<dyn PortForwarder>) {
        let Self { index, port, .. } = self;
        // Each channel begins with the port that it belongs to.
        for channel in [index, index + 1] {
            let _ = self.replies.send(super::message(channel, &port.to_le_bytes())).await;
        }
        let connection = match ports.connect(port).await {
            Ok(connection) => connection,
            Err(error) => {
                let text = format!("cannot connect to port {port}: {error}");
                let _ = self.replies.send(super::message(index + 1, text.as_bytes())).await;
                return;
            }
        };
        let (mut reader, mut writer) = tokio::io::split(connection);
        let received = &mut self.received;
        let upward = std::pin::pin!(async move {
            while let Some(data) = received.recv().await {
                if writer.write_all(&data).await.is_err() {
                    return;
                }
            }
            let _ = writer.shutdown().await;
        });
        let replies = &self.replies;
        let downward = async move {
            let mut buffer = vec![0; super::READ_BYTES];
            loop {
                let message = match reader.read(&mut buffer).await {
                    Ok(0) => return,
                    Ok(read) => super::message(index, &buffer[..read]),
                    Err(error) => {
                        let text = format!("port {port}: {error}");
                        let _ = replies.send(super::message(index + 1, text.as_bytes())).await;
                        return;
                    }
                };
                if replies.send(message).await.is_err() {
                    return;
                }
            }
        };
        // The port's end of the talk decides: a client that is gone takes the session with it.
        let downward = std::pin::pin!(downward);
        if let Either::Right((_, downward)) = select(downward, upward).await {
            downward.await;
        }
    }
}
