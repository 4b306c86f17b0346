//! SPDY/3.1, the server's side: streams that the client begins.
//!
//! kubectl's port-forward speaks it, in a WebSocket tunnel or after an upgrade, and older clients
//! speak it for everything. The clients' library knows no flow control by windows, so neither do
//! we: a stream that is not read stops the connection from being read, and queues stay bounded.

mod exec;
mod forward;
mod frame;
mod header;
#[cfg(test)]
mod tests;

pub(super) use exec::exec;
pub(super) use forward::forward;

use std::collections::BTreeMap;
use std::pin::pin;

use bytes::Bytes;
use futures::future::select;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use frame::{FrameReader, FrameWriter, PROTOCOL, REFUSED, Received, Sent};
use header::Headers;

/// The most streams that are open at a time on one connection.
const MAX_STREAMS: usize = 256;

/// How many pieces of data may wait for the reader of a stream.
const STREAM_QUEUE: usize = 16;

/// How many frames may wait to be written.
const WRITE_QUEUE: usize = 64;

/// How much of a stream is sent in one frame.
pub(super) const READ_BYTES: usize = 16 * 1024;

/// The peer does not speak the protocol.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ProtocolError(&'static str);

/// A stream that the client has begun.
pub(super) struct Stream {
    headers: Headers,
    /// What the client sends; ends with the client's half of the stream.
    pub(super) data: mpsc::Receiver<Bytes>,
    pub(super) sender: Sender,
}

impl Stream {
    /// The header `name`; empty where there is none. Clients write names in lower case.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// Our half of a stream.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    id: u32,
    frames: mpsc::Sender<Sent>,
}

/// The connection is gone.
pub(super) struct Gone;

impl Sender {
    /// Sends data.
    pub(super) async fn send(&self, data: Bytes) -> Result<(), Gone> {
        self.frame(Sent::Data { id: self.id, data, fin: false }).await
    }

    /// Ends our half.
    pub(super) async fn finish(&self) {
        let _ = self.frame(Sent::Data { id: self.id, data: Bytes::new(), fin: true }).await;
    }

    /// Gives the stream up.
    pub(super) async fn refuse(&self) {
        let _ = self.frame(Sent::Reset { id: self.id, reason: REFUSED }).await;
    }

    /// Tells the client that the connection is about to end.
    pub(super) async fn go_away(&self) {
        let _ = self.frame(Sent::GoAway { last: self.id }).await;
    }

    async fn frame(&self, frame: Sent) -> Result<(), Gone> {
        self.frames.send(frame).await.map_err(|_| Gone)
    }
}

/// Speaks on `connection` until either side ends it; the streams come out of the receiver.
fn session<S>(connection: S) -> (impl Future<Output = ()> + Send, mpsc::Receiver<Stream>)
where
    S: AsyncRead + AsyncWrite + Send,
{
    let (frames, outgoing) = mpsc::channel(WRITE_QUEUE);
    let (accepted, streams) = mpsc::channel(STREAM_QUEUE);
    let driver = async move {
        let (reader, writer) = tokio::io::split(connection);
        let incoming = Incoming { frames, accepted, streams: BTreeMap::new(), last: 0 };
        let reading = pin!(incoming.run(reader));
        let writing = pin!(write(writer, outgoing));
        select(reading, writing).await;
    };
    (driver, streams)
}

async fn write(writer: impl AsyncWrite, mut outgoing: mpsc::Receiver<Sent>) {
    let mut writer = pin!(writer);
    let mut encoder = FrameWriter::default();
    while let Some(frame) = outgoing.recv().await {
        let written = writer.write_all(&encoder.encode(&frame)).await;
        if written.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}

/// The reading side of a session.
struct Incoming {
    frames: mpsc::Sender<Sent>,
    accepted: mpsc::Sender<Stream>,
    /// Where the data of the open streams goes.
    streams: BTreeMap<u32, mpsc::Sender<Bytes>>,
    /// The newest stream of the client.
    last: u32,
}

impl Incoming {
    async fn run(mut self, reader: impl AsyncRead) {
        let reader = pin!(reader);
        let mut reader = FrameReader::new(reader);
        loop {
            match reader.next().await {
                Ok(Some(frame)) => {
                    if self.take(frame).await.is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "SPDY session broke off");
                    return;
                }
            }
        }
    }

    async fn take(&mut self, frame: Received) -> Result<(), Gone> {
        match frame {
            Received::Begin { id, headers, fin } => self.begin(id, headers, fin).await?,
            Received::Data { id, data, fin } => {
                // Nobody may be listening any more; the data is then let go.
                if let Some(stream) = self.streams.get(&id).filter(|_| !data.is_empty()) {
                    let _ = stream.send(data).await;
                }
                if fin {
                    self.streams.remove(&id);
                }
            }
            Received::Reset { id } => drop(self.streams.remove(&id)),
            Received::Ping { id } => self.send(Sent::Ping { id }).await?,
            Received::GoAway | Received::Other => {}
        }
        Ok(())
    }

    async fn begin(&mut self, id: u32, headers: Headers, fin: bool) -> Result<(), Gone> {
        // A client's streams are odd and ascend.
        if id.is_multiple_of(2) || id <= self.last {
            return self.send(Sent::Reset { id, reason: PROTOCOL }).await;
        }
        self.last = id;
        self.streams.retain(|_, stream| !stream.is_closed());
        if self.streams.len() >= MAX_STREAMS {
            return self.send(Sent::Reset { id, reason: REFUSED }).await;
        }
        let (input, data) = mpsc::channel(STREAM_QUEUE);
        if !fin {
            self.streams.insert(id, input);
        }
        self.send(Sent::Reply { id }).await?;
        let sender = Sender { id, frames: self.frames.clone() };
        self.accepted.send(Stream { headers, data, sender }).await.map_err(|_| Gone)
    }

    async fn send(&self, frame: Sent) -> Result<(), Gone> {
        self.frames.send(frame).await.map_err(|_| Gone)
    }
}

/// Reads frames until they end or are refused.
#[cfg(feature = "fuzzing")]
pub(crate) async fn read_all(bytes: &[u8]) {
    let mut reader = FrameReader::new(bytes);
    while let Ok(Some(_)) = reader.next().await {}
}
