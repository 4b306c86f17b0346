//! Sessions over a WebSocket, where the first byte of a binary message names its channel.

mod exec;
mod forward;
mod tunnel;

#[cfg(feature = "fuzzing")]
pub(super) use exec::read_all;
pub(super) use exec::{exec, output, terminal_size};
pub(super) use forward::forward;
pub(super) use tunnel::tunnel;

use bytes::{BufMut, Bytes, BytesMut};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

pub(super) const STDIN: u8 = 0;
pub(super) const STDOUT: u8 = 1;
pub(super) const STDERR: u8 = 2;
pub(super) const ERROR: u8 = 3;
pub(super) const RESIZE: u8 = 4;
/// In version 5: the sender is done with the channel that the next byte names.
pub(super) const CLOSE: u8 = 255;

/// The longest message taken from a client: kubectl sends at most 32 KiB at a time.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// How much is read from a process or a port at a time.
pub(super) const READ_BYTES: usize = 16 * 1024;

/// The server's end of a WebSocket whose handshake is done.
async fn socket<S>(connection: S) -> WebSocketStream<S>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    socket_as(Role::Server, connection).await
}

/// One end of a WebSocket whose handshake is done.
pub(super) async fn socket_as<S>(role: Role, connection: S) -> WebSocketStream<S>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    WebSocketStream::from_raw_socket(connection, role, Some(config)).await
}

/// The goodbye after a session that went well; clients take one without a code for a failure.
pub(super) fn goodbye() -> Message {
    Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() }))
}

/// A message on a channel.
pub(super) fn message(channel: u8, data: &[u8]) -> Message {
    let mut bytes = BytesMut::with_capacity(data.len() + 1);
    bytes.put_u8(channel);
    bytes.extend_from_slice(data);
    Message::Binary(bytes.freeze())
}

/// Channel and data of a message; `None` for one that carries none.
pub(super) fn split(message: Message) -> Option<(u8, Bytes)> {
    let mut bytes = match message {
        Message::Binary(bytes) => bytes,
        Message::Text(text) => Bytes::from(text),
        _ => return None,
    };
    (!bytes.is_empty()).then(|| (bytes.split_to(1)[0], bytes))
}
