//! Messages in a body: before each stand one byte, zero, and its length in four.
//!
//! # Source
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::Stream;
use http_body::Body;
use http_body_util::BodyExt;
use orchestrator_core::BoxError;
use prost::Message;
use tonic::Status;

use super::options::{MAX_REQUEST_BYTES, MESSAGE_SLACK_BYTES};
use super::pieces::{Answer, Parts, Pieces};

/// What stands before a message.
pub(super) const HEAD_BYTES: usize = 5;

/// The longest message that is read.
const MAX_BYTES: usize = MAX_REQUEST_BYTES + MESSAGE_SLACK_BYTES;

/// A body of a request.
pub(super) trait RequestBody:
    Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static
{
}

impl<B> RequestBody for B where
    B: Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + ?Sized + 'static
{
}

/// Writes an answer with what stands before it.
///
/// # Errors
/// It is longer than a message can be.
pub(super) fn framed(answer: &impl Answer) -> Result<Parts, Status> {
    let bytes = answer.bytes();
    let Ok(length) = u32::try_from(bytes) else {
        return Err(Status::resource_exhausted("the answer is longer than 4 GiB: ask for less"));
    };
    let mut framed = Pieces::of(HEAD_BYTES + bytes);
    framed.small().put_u8(0);
    framed.small().put_u32(length);
    answer.write(&mut framed);
    Ok(framed.finish())
}

/// Reads the only message of a body.
pub(super) async fn only<Q: Message + Default>(body: impl RequestBody) -> Result<Q, Status> {
    let (mut body, mut received) = (pin!(body), Received::default());
    while let Some(data) = poll_fn(|cx| poll_data(body.as_mut(), cx)).await? {
        received.push(data)?;
    }
    let message = received.take()?.ok_or_else(|| Status::internal("the call has no message"))?;
    match received {
        Received::Nothing => read(message),
        _ => Err(Status::internal("the call has more than its message")),
    }
}

/// The messages of a body, one after the other; an error is the last.
pub(super) struct Requests<Q> {
    /// `None` once it has ended.
    body: Option<Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>>,
    received: Received,
    message: PhantomData<fn() -> Q>,
}

impl<Q> Requests<Q> {
    pub(super) fn new(body: impl RequestBody) -> Self {
        let body = Some(Box::pin(body.map_err(Into::into)) as _);
        Self { body, received: Received::default(), message: PhantomData }
    }
}

impl<Q: Message + Default> Requests<Q> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Q>, Status>> {
        loop {
            if let Some(message) = self.received.take()? {
                return Poll::Ready(read(message).map(Some));
            }
            let Some(body) = &mut self.body else { return Poll::Ready(Ok(None)) };
            match ready!(poll_data(body.as_mut(), cx))? {
                Some(data) => self.received.push(data)?,
                None => self.body = None,
            }
        }
    }
}

impl<Q: Message + Default> Stream for Requests<Q> {
    type Item = Result<Q, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let asked = ready!(self.poll(cx));
        if asked.is_err() {
            // What was cut off or is none would tell the same error for ever.
            (self.body, self.received) = (None, Received::Nothing);
        }
        Poll::Ready(asked.transpose())
    }
}

/// The next bytes of a body, `None` at its end.
fn poll_data(
    mut body: Pin<&mut (impl RequestBody + ?Sized)>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Bytes>, Status>> {
    loop {
        match ready!(body.as_mut().poll_frame(cx)) {
            None => return Poll::Ready(Ok(None)),
            Some(Err(error)) => {
                let why: BoxError = error.into();
                return Poll::Ready(Err(Status::cancelled(format!("the call broke off: {why}"))));
            }
            // Trailers tell nothing that anybody asks for.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Poll::Ready(Ok(Some(data)));
                }
            }
        }
    }
}

fn read<Q: Message + Default>(message: Bytes) -> Result<Q, Status> {
    Q::decode(message)
        .map_err(|why| Status::internal(format!("grpc: error unmarshalling request: {why}")))
}

/// Bytes that have come and were not taken. Most calls fit into one piece, which is never copied.
#[derive(Debug, Default)]
enum Received {
    #[default]
    Nothing,
    Piece(Bytes),
    Pieces(BytesMut),
}

impl Received {
    /// Takes in the next bytes, unless the message that they belong to is too long.
    fn push(&mut self, data: Bytes) -> Result<(), Status> {
        if data.is_empty() {
            return Ok(());
        }
        *self = match std::mem::take(self) {
            Self::Nothing => Self::Piece(data),
            Self::Piece(first) => {
                let mut pieces = BytesMut::with_capacity(first.len() + data.len());
                pieces.put(first);
                pieces.put(data);
                Self::Pieces(pieces)
            }
            Self::Pieces(mut pieces) => {
                pieces.put(data);
                Self::Pieces(pieces)
            }
        };
        self.length().map(drop)
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Piece(bytes) => bytes,
            Self::Pieces(bytes) => bytes,
        }
    }

    /// How long the next message is, as soon as that is known.
    fn length(&self) -> Result<Option<usize>, Status> {
        let [packed, length @ ..] = match self.bytes().first_chunk::<HEAD_BYTES>() {
            None => return Ok(None),
            Some(head) => *head,
        };
        let length = u32::from_be_bytes(length) as usize;
        match (packed, length) {
            (0, ..=MAX_BYTES) => Ok(Some(length)),
            (0, _) => Err(Status::resource_exhausted(format!(
                "grpc: received message larger than max ({length} vs. {MAX_BYTES})"
            ))),
            _ => Err(Status::unimplemented("grpc: compressed messages are not taken")),
        }
    }

    /// The next message, once all of it has come.
    fn take(&mut self) -> Result<Option<Bytes>, Status> {
        let Some(end) = self.length()?.map(|length| HEAD_BYTES + length) else { return Ok(None) };
        if self.bytes().len() < end {
            return Ok(None);
        }
        let mut message = match self {
            Self::Nothing => return Ok(None),
            Self::Piece(bytes) => bytes.split_to(end),
            Self::Pieces(bytes) => bytes.split_to(end).freeze(),
        };
        message.advance(HEAD_BYTES);
        if self.bytes().is_empty() {
            *self = Self::Nothing;
        }
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcd::{PutRequest, RangeRequest};
    use futures::{FutureExt, StreamExt, stream};
    use http_body::Frame;
    use http_body_util::StreamBody;
    use std::convert::Infallible;
    use tonic::Code;

    fn body(pieces: Vec<Bytes>) -> impl RequestBody {
        StreamBody::new(stream::iter(
            pieces.into_iter().map(|p| Ok::<_, Infallible>(Frame::data(p))),
        ))
    }

    fn sent(asked: &PutRequest) -> Bytes {
        framed(asked).unwrap().next().unwrap()
    }

    fn in_pieces(sent: &Bytes, at_a_time: usize) -> Vec<Bytes> {
        sent.chunks(at_a_time).map(|piece| sent.slice_ref(piece)).collect()
    }

    fn put(key: &str) -> PutRequest {
        PutRequest { key: Bytes::from(key.to_owned()), ..PutRequest::default() }
    }

    #[test]
    fn a_message_is_read_however_it_arrives() {
        let asked = put("a-key");
        let sent = sent(&asked);
        for at_a_time in 1..=sent.len() {
            let read = only::<PutRequest>(body(in_pieces(&sent, at_a_time)));
            assert_eq!(read.now_or_never().unwrap().unwrap(), asked);
        }
        let empty = only::<PutRequest>(body(vec![self::sent(&put(""))]));
        assert_eq!(empty.now_or_never().unwrap().unwrap(), put(""));
    }

    #[test]
    fn messages_of_a_stream_come_in_order_and_an_error_is_the_last() {
        let mut sent = BytesMut::new();
        ["a", "", "ccc"].iter().for_each(|key| sent.put(self::sent(&put(key))));
        sent.put_slice(&[1, 0, 0, 0, 0, 0, 0]);
        let sent = sent.freeze();
        for at_a_time in 1..=sent.len() {
            let requests = Requests::<PutRequest>::new(body(in_pieces(&sent, at_a_time)));
            let read: Vec<_> = requests.collect().now_or_never().unwrap();
            let (last, good) = read.split_last().unwrap();
            let keys: Vec<_> = good.iter().map(|asked| asked.as_ref().unwrap().clone()).collect();
            assert_eq!(keys, ["a", "", "ccc"].map(put));
            assert_eq!(last.as_ref().unwrap_err().code(), Code::Unimplemented);
        }
    }

    #[test]
    fn what_is_too_long_cut_off_or_more_than_one_is_refused() {
        let refused = |bytes: &[u8]| {
            let body = body(vec![Bytes::copy_from_slice(bytes)]);
            only::<RangeRequest>(body).now_or_never().unwrap().unwrap_err()
        };
        let told = refused(&[0, 0, 0x20, 0, 1]);
        assert_eq!(told.code(), Code::ResourceExhausted);
        assert_eq!(told.message(), "grpc: received message larger than max (2097153 vs. 2097152)");
        for bytes in [&b""[..], b"\0\0\0", b"\0\0\0\0\x02a", b"\0\0\0\0\0\0", b"\0\0\0\0\x01\xff"] {
            assert_eq!(refused(bytes).code(), Code::Internal, "{bytes:?}");
        }
    }
}
