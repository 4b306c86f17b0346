//! Bodies of answers: one message or a stream of them, and how the call ended.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use tonic::Status;

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
    Whole(Bytes, Option<HeaderMap>),
    /// Trailers.
    End(HeaderMap),
    /// Messages as they come. An error ends the call.
    Stream(BoxStream<'static, Result<Bytes, Status>>),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Whole(data, _) => f.debug_tuple("Whole").field(&data.len()).finish(),
            Self::End(_) => f.write_str("End"),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

impl Body {
    /// A text that is no gRPC.
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self(Kind::Whole(text.into(), None))
    }

    /// One message, after which the call has ended well.
    pub(super) fn message(message: Bytes) -> Self {
        Self(Kind::Whole(message, Some(ended_well())))
    }

    /// Messages as they come.
    pub(super) fn stream(messages: BoxStream<'static, Result<Bytes, Status>>) -> Self {
        Self(Kind::Stream(messages))
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
        let frame = match std::mem::take(&mut self.0) {
            Kind::Empty => return Poll::Ready(None),
            Kind::Whole(data, end) => {
                self.0 = end.map_or(Kind::Empty, Kind::End);
                Frame::data(data)
            }
            Kind::End(trailers) => Frame::trailers(trailers),
            Kind::Stream(mut messages) => match messages.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    self.0 = Kind::Stream(messages);
                    Frame::data(message)
                }
                Poll::Ready(Some(Err(status))) => Frame::trailers(trailers(Err(status))),
                Poll::Ready(None) => Frame::trailers(trailers(Ok(()))),
                Poll::Pending => {
                    self.0 = Kind::Stream(messages);
                    return Poll::Pending;
                }
            },
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }
}
