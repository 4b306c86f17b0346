//! SPDY in a tunnel: the messages of a WebSocket are the bytes of a SPDY connection.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use orchestrator_core::node::PortForwarder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use super::super::spdy;

/// Serves port-forward in a tunnel until the client is gone.
pub(in super::super) async fn tunnel<S>(connection: S, ports: Arc<dyn PortForwarder>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut sink, mut messages) = super::socket(connection).await.split();
    let (near, far) = tokio::io::duplex(super::READ_BYTES);
    let (mut reader, mut writer) = tokio::io::split(near);
    let inward = pin!(async move {
        while let Some(Ok(message)) = messages.next().await {
            let data = match message {
                Message::Binary(data) => data,
                Message::Close(_) => return,
                _ => continue,
            };
            if writer.write_all(&data).await.is_err() {
                return;
            }
        }
    });
    let outward = pin!(async move {
        let mut buffer = vec![0; super::READ_BYTES];
        while let Ok(read @ 1..) = reader.read(&mut buffer).await {
            let data = Bytes::copy_from_slice(&buffer[..read]);
            if sink.send(Message::Binary(data)).await.is_err() {
                return;
            }
        }
        let _ = sink.send(super::goodbye()).await;
        let _ = sink.close().await;
    });
    let session = pin!(async { futures::join!(spdy::forward(far, ports), outward) });
    let _ = futures::future::select(session, inward).await;
}
