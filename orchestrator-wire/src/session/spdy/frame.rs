//! Frames of SPDY/3.1: those that remote command and port-forward use.

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::ProtocolError;
use super::header::{Decoder, Encoder, Headers};

/// The longest control frame; a header block of some 100 bytes is the longest that clients send.
const MAX_CONTROL_BYTES: usize = 16 * 1024;

/// How much of a data frame is handed on at a time; a frame may have up to 16 MiB.
const PIECE_BYTES: usize = 32 * 1024;

const VERSION: u16 = 0x8003;
const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;

const FIN: u8 = 1;

/// Why a stream was refused: the peer has too many.
pub(super) const REFUSED: u32 = 3;
/// Why a stream was refused: its id is not one that the peer may use.
pub(super) const PROTOCOL: u32 = 1;

/// What a peer says.
#[derive(Debug, PartialEq)]
pub(super) enum Received {
    /// A stream begins.
    Begin { id: u32, headers: Headers, fin: bool },
    /// A piece of a stream's data; `fin` with its last one.
    Data { id: u32, data: Bytes, fin: bool },
    /// A stream breaks off.
    Reset { id: u32 },
    /// Whether we are there.
    Ping { id: u32 },
    /// The peer begins no more streams.
    GoAway,
    /// Something that needs no answer.
    Other,
}

/// What we say.
#[derive(Debug)]
pub(super) enum Sent {
    /// The stream that the peer began is taken.
    Reply { id: u32 },
    /// Data of a stream; `fin` with its last.
    Data { id: u32, data: Bytes, fin: bool },
    /// The stream is given up.
    Reset { id: u32, reason: u32 },
    /// We are there.
    Ping { id: u32 },
    /// We are about to close the connection.
    GoAway { last: u32 },
}

/// Reads frames.
pub(super) struct FrameReader<R> {
    reader: R,
    headers: Decoder,
    /// The data frame that is being read: its stream, what is left, and whether it is the last.
    open: Option<(u32, usize, bool)>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, headers: Decoder::default(), open: None }
    }

    /// The next frame, or the next piece of a long one; `None` at the end of the connection.
    pub(super) async fn next(&mut self) -> Result<Option<Received>, ProtocolError> {
        if self.open.is_none() {
            let mut head = [0; 8];
            match self.reader.read_exact(&mut head).await {
                Ok(_) => {}
                Err(_) => return Ok(None),
            }
            let [a, b, c, d, flags, rest @ ..] = head;
            let len = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
            if a & 0x80 != 0 {
                let (version, kind) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                return self.control(version, kind, flags, len).await.map(Some);
            }
            self.open = Some((u32::from_be_bytes([a, b, c, d]), len, flags & FIN != 0));
        }
        self.piece().await.map(Some)
    }

    async fn piece(&mut self) -> Result<Received, ProtocolError> {
        let Some((id, left, fin)) = self.open.take() else { return Ok(Received::Other) };
        let mut data = vec![0; left.min(PIECE_BYTES)];
        self.fill(&mut data).await?;
        let left = left - data.len();
        if left > 0 {
            self.open = Some((id, left, fin));
        }
        Ok(Received::Data { id, data: data.into(), fin: fin && left == 0 })
    }

    async fn fill(&mut self, data: &mut [u8]) -> Result<(), ProtocolError> {
        let read = self.reader.read_exact(data).await;
        read.map(drop).map_err(|_| ProtocolError("the connection broke off within a frame"))
    }

    async fn control(
        &mut self,
        version: u16,
        kind: u16,
        flags: u8,
        len: usize,
    ) -> Result<Received, ProtocolError> {
        if version != VERSION {
            return Err(ProtocolError("not SPDY/3"));
        }
        if len > MAX_CONTROL_BYTES {
            return Err(ProtocolError("a control frame is too long"));
        }
        let mut body = vec![0; len];
        self.fill(&mut body).await?;
        let number = |at: usize| -> Result<u32, ProtocolError> {
            let bytes = body.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u32::from_be_bytes).ok_or(ProtocolError("a control frame is cut short"))
        };
        const ID: u32 = 0x7fff_ffff;
        Ok(match kind {
            SYN_STREAM => {
                let id = number(0)? & ID;
                // The associated stream, priority and slot say nothing to us.
                let block = body.get(10..).ok_or(ProtocolError("a control frame is cut short"))?;
                let headers = self.headers.decode(block)?;
                Received::Begin { id, headers, fin: flags & FIN != 0 }
            }
            RST_STREAM => Received::Reset { id: number(0)? & ID },
            PING => Received::Ping { id: number(0)? },
            GOAWAY => Received::GoAway,
            _ => Received::Other,
        })
    }
}

/// Writes frames.
#[derive(Default)]
pub(super) struct FrameWriter {
    headers: Encoder,
}

impl FrameWriter {
    /// The bytes of a frame.
    pub(super) fn encode(&mut self, frame: &Sent) -> BytesMut {
        match frame {
            Sent::Reply { id } => {
                let block = self.headers.encode(&Headers::new());
                let mut bytes = control(SYN_REPLY, 4 + block.len());
                bytes.put_u32(*id);
                bytes.put_slice(&block);
                bytes
            }
            Sent::Data { id, data, fin } => {
                let mut bytes = BytesMut::with_capacity(8 + data.len());
                bytes.put_u32(*id);
                bytes.put_u32((u32::from(*fin) << 24) | data.len() as u32);
                bytes.put_slice(data);
                bytes
            }
            Sent::Reset { id, reason } => pair(RST_STREAM, *id, *reason),
            Sent::GoAway { last } => pair(GOAWAY, *last, 0),
            Sent::Ping { id } => {
                let mut bytes = control(PING, 4);
                bytes.put_u32(*id);
                bytes
            }
        }
    }
}

fn control(kind: u16, len: usize) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(8 + len);
    bytes.put_u16(VERSION);
    bytes.put_u16(kind);
    bytes.put_u32(len as u32);
    bytes
}

fn pair(kind: u16, first: u32, second: u32) -> BytesMut {
    let mut bytes = control(kind, 8);
    bytes.put_u32(first);
    bytes.put_u32(second);
    bytes
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A client's frame that begins a stream.
    pub(in super::super) fn begin(encoder: &mut Encoder, id: u32, headers: &Headers) -> BytesMut {
        let block = encoder.encode(headers);
        let mut bytes = control(SYN_STREAM, 10 + block.len());
        bytes.put_u32(id);
        bytes.put_slice(&[0; 6]);
        bytes.put_slice(&block);
        bytes
    }

    async fn read(bytes: &[u8]) -> Vec<Received> {
        let mut reader = FrameReader::new(bytes);
        let mut all = Vec::new();
        while let Ok(Some(frame)) = reader.next().await {
            all.push(frame);
        }
        all
    }

    #[tokio::test]
    async fn frames_are_read_as_written() {
        let headers = vec![("streamtype".to_owned(), "error".to_owned())];
        let mut bytes = begin(&mut Encoder::default(), 1, &headers);
        let mut writer = FrameWriter::default();
        let data = Bytes::from_static(b"hello");
        for frame in [
            Sent::Data { id: 1, data: data.clone(), fin: true },
            Sent::Ping { id: 7 },
            Sent::Reset { id: 1, reason: REFUSED },
            Sent::Reply { id: 1 },
            Sent::GoAway { last: 1 },
        ] {
            bytes.extend_from_slice(&writer.encode(&frame));
        }
        let expected = [
            Received::Begin { id: 1, headers, fin: false },
            Received::Data { id: 1, data, fin: true },
            Received::Ping { id: 7 },
            Received::Reset { id: 1 },
            Received::Other,
            Received::GoAway,
        ];
        assert_eq!(read(&bytes).await, expected);
    }

    #[tokio::test]
    async fn a_long_data_frame_comes_in_pieces() {
        let data = Bytes::from(vec![7; 100_000]);
        let bytes = FrameWriter::default().encode(&Sent::Data { id: 3, data, fin: true });
        let frames = read(&bytes).await;
        let last = frames.len() - 1;
        assert_eq!(last, 3);
        for (place, frame) in frames.iter().enumerate() {
            let Received::Data { id: 3, fin, .. } = frame else { panic!("data") };
            assert_eq!(*fin, place == last);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            futures::executor::block_on(read(&bytes));
        }
    }
}
