//! Bodies of answers: one message or a stream of them, and how the call ended.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderValue};
use http_body::{Frame, SizeHint};
use smallvec::SmallVec;
use tonic::Status;

use super::pieces::Parts;

/// The name of the trailer that tells how a call ended.
const STATUS: &str = "grpc-status";

/// The body of an answer.
#[derive(Debug, Default)]
pub struct Body(pub(super) Kind);

/// What is in a body, and what has been taken of it.
#[derive(Default)]
pub(super) enum Kind {
    /// Nothing; the head tells everything.
    #[default]
    Empty,
    /// All of it; with trailers, unless it is no gRPC.
    Whole(Parts, Option<HeaderMap>),
    /// What is left of a message, and messages as they come. An error ends the call.
    Stream(Parts, BoxStream<'static, Result<Parts, Status>>),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Whole(..) => f.write_str("Whole"),
            Self::Stream(..) => f.write_str("Stream"),
        }
    }
}

impl Body {
    /// A text that is no gRPC.
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self(Kind::Whole(SmallVec::from([text.into()]).into_iter(), None))
    }

    /// One message, after which the call has ended well.
    pub(super) fn message(message: Parts) -> Self {
        Self(Kind::Whole(message, Some(ended_well())))
    }

    /// Messages as they come.
    pub(super) fn stream(messages: BoxStream<'static, Result<Parts, Status>>) -> Self {
        Self(Kind::Stream(SmallVec::new().into_iter(), messages))
    }
}

/// The trailers of a call that ended well.
fn ended_well() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    trailers
}

/// The trailers of a stream that ended as `end` says.
pub(super) fn trailers(end: Result<(), Status>) -> HeaderMap {
    let Err(status) = end else { return ended_well() };
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        // The text cannot be sent: the code can.
        trailers.insert(STATUS, HeaderValue::from(i32::from(status.code())));
    }
    trailers
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            let (parts, messages) = match &mut self.0 {
                Kind::Empty => return Poll::Ready(None),
                Kind::Whole(parts, end) => match parts.next() {
                    Some(part) => return data(part),
                    None => {
                        let end = end.take();
                        self.0 = Kind::Empty;
                        return Poll::Ready(end.map(|end| Ok(Frame::trailers(end))));
                    }
                },
                Kind::Stream(parts, messages) => (parts, messages),
            };
            if let Some(part) = parts.next() {
                return data(part);
            }
            let end = match ready!(messages.poll_next_unpin(cx)) {
                Some(Ok(message)) => {
                    *parts = message;
                    continue;
                }
                Some(Err(status)) => trailers(Err(status)),
                None => trailers(Ok(())),
            };
            self.0 = Kind::Empty;
            return Poll::Ready(Some(Ok(Frame::trailers(end))));
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(parts, None) => {
                SizeHint::with_exact(parts.as_slice().iter().map(|part| part.len() as u64).sum())
            }
            _ => SizeHint::default(),
        }
    }
}

fn data(part: Bytes) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
    Poll::Ready(Some(Ok(Frame::data(part))))
}
