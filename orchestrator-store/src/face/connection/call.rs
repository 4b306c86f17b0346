//! One call: its request to the service, the answer to the client.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http_body::Frame;
use tonic::Status;

use crate::face::body::{Body, Kind, trailers};
use crate::face::pieces::Parts;
use crate::face::route::EtcdService;

/// Answers a call; ends early, and the work with it, when the client does not want it any more.
pub(super) async fn answer(
    service: EtcdService,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let answering = service.answer(request.map(Incoming));
    let Some(answer) = unless_reset(answering, &mut respond).await else { return };
    // An error says that the client has gone, and there is nobody to tell it to.
    let _ = send(answer, respond).await;
}

/// What the service answers; `None` when the client has given up before.
async fn unless_reset<T>(
    answering: impl Future<Output = T>,
    respond: &mut SendResponse<Bytes>,
) -> Option<T> {
    let mut answering = pin!(answering);
    let poll = |cx: &mut Context<'_>| match answering.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => respond.poll_reset(cx).map(|_| None),
    };
    poll_fn(poll).await
}

async fn send(
    answer: http::Response<Body>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let (head, body) = answer.into_parts();
    let head = http::Response::from_parts(head, ());
    match body.0 {
        Kind::Empty => respond.send_response(head, true).map(drop),
        Kind::Whole(parts, end) => {
            // The answer is there, so that it may as well wait where it will be sent from.
            let mut stream = respond.send_response(head, false)?;
            send_parts(parts, &mut stream)?;
            match end {
                Some(trailers) => stream.send_trailers(trailers),
                None => stream.send_data(Bytes::new(), true),
            }
        }
        Kind::Stream(_, messages) => {
            let stream = respond.send_response(head, false)?;
            send_all(messages, stream).await
        }
    }
}

fn send_parts(mut parts: Parts, stream: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    parts.try_for_each(|part| stream.send_data(part, false))
}

/// Sends messages, each asked for when there is room for it.
async fn send_all(
    mut messages: BoxStream<'static, Result<Parts, Status>>,
    mut stream: SendStream<Bytes>,
) -> Result<(), h2::Error> {
    loop {
        stream.reserve_capacity(1);
        while stream.capacity() == 0 {
            match poll_fn(|cx| stream.poll_capacity(cx)).await {
                Some(room) => room?,
                None => return Ok(()),
            };
        }
        let next = poll_fn(|cx| match messages.poll_next_unpin(cx) {
            Poll::Ready(next) => Poll::Ready(Some(next)),
            Poll::Pending => stream.poll_reset(cx).map(|_| None),
        });
        let Some(next) = next.await else { return Ok(()) };
        match next {
            Some(Ok(message)) => send_parts(message, &mut stream)?,
            Some(Err(status)) => return stream.send_trailers(trailers(Err(status))),
            None => return stream.send_trailers(trailers(Ok(()))),
        }
    }
}

/// The body of a call as it comes in; what is taken of it is not kept, so that more may come.
struct Incoming(RecvStream);

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Some(data) = ready!(self.0.poll_data(cx)) else { return Poll::Ready(None) };
        let data = data?;
        // Not possible once the call is over, when it does not matter.
        let _ = self.0.flow_control().release_capacity(data.len());
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
