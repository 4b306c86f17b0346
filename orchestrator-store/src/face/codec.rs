//! How messages are read and written: as tonic's own codec does, with buffers for small messages.
//!
//! Most calls are puts and gets of a few hundred bytes, and each has two buffers. A large answer is
//! written into one of exactly its size.

use std::marker::PhantomData;

use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, EncodeBuf, Encoder};
use tonic_prost::ProstDecoder;

/// What a call's answer gets to begin with: all but the answers with values fit in.
const SEND_BYTES: usize = 512;

/// What a call's request gets to begin with: a value of a kilobyte fits in.
const RECEIVE_BYTES: usize = 2048;

/// How much of a stream's answers is written before it is sent, where more are ready.
const BATCH_BYTES: usize = 32 * 1024;

/// Writes `A`, reads `Q`.
#[derive(Debug)]
pub(super) struct MessageCodec<A, Q>(PhantomData<fn(Q) -> A>);

impl<A, Q> Default for MessageCodec<A, Q> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<A, Q> Codec for MessageCodec<A, Q>
where
    A: Message + 'static,
    Q: Message + Default + 'static,
{
    type Encode = A;
    type Decode = Q;
    type Encoder = MessageEncoder<A>;
    type Decoder = ProstDecoder<Q>;

    fn encoder(&mut self) -> Self::Encoder {
        MessageEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(RECEIVE_BYTES, BATCH_BYTES))
    }
}

/// Writes messages, each into room of its size.
#[derive(Debug)]
pub(super) struct MessageEncoder<A>(PhantomData<fn() -> A>);

impl<A: Message> Encoder for MessageEncoder<A> {
    type Item = A;
    type Error = Status;

    fn encode(&mut self, item: A, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buf.reserve(item.encoded_len());
        item.encode_raw(buf);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(SEND_BYTES, BATCH_BYTES)
    }
}
