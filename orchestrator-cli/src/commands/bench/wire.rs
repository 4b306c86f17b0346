//! A client of gRPC that costs next to nothing: one message there, one back, on one connection.
//!
//! The driver shares the machine with the servers that it measures. A client library costs more
//! than a server that is worth measuring, and would make all of them look alike; so this writes
//! the frames of HTTP/2 itself, as much of it as a put needs. What it sends is what libraries send:
//! the fields of a call are spelled out once and then named by their numbers.
//!
//! # Source
//! RFC 9113 (frames), RFC 7541 (fields).

use std::collections::BTreeSet;
use std::io;

use bytes::{Buf, BufMut, BytesMut};
use orchestrator::core::BoxError;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a client of HTTP/2 sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The bytes before the payload of a frame.
const HEAD_BYTES: usize = 9;

/// How much a server takes before it says that it takes more.
const FIRST_WINDOW: u32 = 65_535;

/// The most that may be sent, or announced, at a time.
const LARGEST_WINDOW: u32 = (1 << 31) - 1;

/// How much is read at a time.
const READ_BYTES: usize = 64 << 10;

/// The types of frames, and what they are marked with.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A connection with calls of one method.
pub struct Connection {
    stream: TcpStream,
    /// The fields of the next call.
    fields: Vec<u8>,
    output: BytesMut,
    input: BytesMut,
    /// The number of the next call.
    next: u32,
    /// How much more the server takes.
    window: i64,
    /// The calls that have got a message.
    answered: BTreeSet<u32>,
}

impl Connection {
    /// Connects to `address`, for calls of the method with this path.
    pub async fn open(address: &str, method: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut connection = Self {
            stream,
            fields: spelled_out(address, method),
            output: BytesMut::new(),
            input: BytesMut::new(),
            next: 1,
            window: FIRST_WINDOW.into(),
            answered: BTreeSet::new(),
        };
        connection.output.put_slice(PREFACE);
        connection.frame(SETTINGS, 0, 0, &[]);
        // All answers of a measurement are shorter than this together.
        let more = LARGEST_WINDOW - FIRST_WINDOW;
        connection.frame(WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        Ok(connection)
    }

    /// Begins a call, to be sent by the next [`exchange`](Self::exchange); its number. `None` while
    /// the server takes no more.
    pub fn begin(&mut self, message: &impl Message) -> Option<u32> {
        let length = message.encoded_len();
        let bytes = 5 + length as i64;
        if self.window < bytes {
            return None;
        }
        self.window -= bytes;
        let call = self.next;
        self.next += 2;
        let fields = std::mem::replace(&mut self.fields, named());
        self.frame(HEADERS, END_HEADERS, call, &fields);
        self.head(bytes as usize, DATA, END_STREAM, call);
        self.output.put_u8(0);
        self.output.put_u32(length as u32);
        message.encode(&mut self.output).expect("the buffer grows");
        Some(call)
    }

    /// Sends what was begun, waits until something comes, and adds the numbers of the calls that
    /// have ended to `ended`.
    ///
    /// # Errors
    /// The connection broke off, or a call was refused.
    pub async fn exchange(&mut self, ended: &mut Vec<u32>) -> Result<(), BoxError> {
        self.stream.write_all_buf(&mut self.output).await?;
        self.input.reserve(READ_BYTES);
        if self.stream.read_buf(&mut self.input).await? == 0 {
            return Err("the server hung up".into());
        }
        while let Some(head) = self.input.first_chunk::<HEAD_BYTES>() {
            let [high, middle, low, kind, flags, stream @ ..] = *head;
            let length = u32::from_be_bytes([0, high, middle, low]) as usize;
            if self.input.len() < HEAD_BYTES + length {
                break;
            }
            self.input.advance(HEAD_BYTES);
            let payload = self.input.split_to(length);
            let call = u32::from_be_bytes(stream);
            self.take(kind, flags, call, &payload)?;
            if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
                match self.answered.remove(&call) {
                    true => ended.push(call),
                    false => return Err("the server refused a call".into()),
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, kind: u8, flags: u8, call: u32, payload: &[u8]) -> Result<(), BoxError> {
        match kind {
            DATA if !payload.is_empty() => {
                self.answered.insert(call);
            }
            SETTINGS | PING if flags & ACK == 0 => {
                let echo = if kind == PING { payload } else { &[] };
                self.frame(kind, ACK, 0, echo);
            }
            WINDOW_UPDATE if call == 0 => {
                let more = payload.first_chunk().ok_or("a frame is too short")?;
                self.window += i64::from(u32::from_be_bytes(*more));
            }
            RESET | GO_AWAY => return Err("the server broke off".into()),
            _ => {}
        }
        Ok(())
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.head(payload.len(), kind, flags, stream);
        self.output.put_slice(payload);
    }

    fn head(&mut self, length: usize, kind: u8, flags: u8, stream: u32) {
        let length = (length as u32).to_be_bytes();
        self.output.put_slice(&length[1..]);
        self.output.put_u8(kind);
        self.output.put_u8(flags);
        self.output.put_u32(stream);
    }
}

/// The fields of the first call: `POST` and `http` are in the table that all know, the others go
/// into that of the connection.
fn spelled_out(authority: &str, method: &str) -> Vec<u8> {
    let mut fields = vec![0x83, 0x86];
    let mut field = |name: &[u8], value: &str| {
        fields.extend_from_slice(name);
        fields.push(u8::try_from(value.len()).expect("short"));
        fields.extend_from_slice(value.as_bytes());
    };
    field(&[0x44], method);
    field(&[0x41], authority);
    field(&[0x5f], "application/grpc");
    field(b"\x40\x02te", "trailers");
    field(&[0x7a], "orchestrator-bench/1");
    fields
}

/// The fields of all other calls, by their numbers.
fn named() -> Vec<u8> {
    vec![0x83, 0x86, 0x80 | 66, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]
}
