//! One connection of HTTP/2, and all of its calls, in one task.
//!
//! A batch that the engine has committed answers many calls of a connection at once. They are polled
//! here, one after the other, and their answers leave together: a task for each call would wake
//! as often as there are calls, and would cost more than all the rest. What takes long goes
//! [beside](super::grpc::unary_beside).

mod alive;
mod call;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use h2::server::Builder;
use orchestrator_core::Env;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::route::EtcdService;

/// The most calls at a time on one connection. A client library has one connection for all of its
/// program, which may well have thousands of calls and watches.
const MAX_STREAMS: u32 = 8192;

/// How much a client may send of one call before it is read: the largest message fits in.
const STREAM_WINDOW: u32 = 2 << 20;

/// How much a client may send of all calls before they are read.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// How much of a stream of answers waits for a client that is slow to take it; then its source is
/// not asked.
const SEND_BUFFER: usize = 256 << 10;

/// The largest frame: larger than the values that are usual, so that most calls are one frame.
const MAX_FRAME: u32 = 64 << 10;

/// The largest head of a call.
const MAX_HEAD: u32 = 64 << 10;

/// Answers the calls of a connection until the client leaves or is silent for too long, or, once
/// `stop` says so, until those that run have ended.
///
/// # Errors
/// The connection broke off, or the client breaks the protocol.
pub(super) async fn serve(
    env: &Env,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    service: EtcdService,
    stop: CancellationToken,
) -> Result<(), h2::Error> {
    let mut http2 = builder().handshake::<_, Bytes>(stream).await?;
    let pings = http2.ping_pong().expect("nobody else has asked for them");
    let mut gone = pin!(alive::gone(env, pings));
    let mut stopped = pin!(stop.cancelled_owned().fuse());
    let mut calls = FuturesUnordered::new();
    poll_fn(|cx| {
        if gone.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if stopped.as_mut().poll(cx).is_ready() {
            http2.graceful_shutdown();
        }
        loop {
            // Reads what has come, and writes what the calls have answered.
            while let Poll::Ready(accepted) = http2.poll_accept(cx) {
                let Some(accepted) = accepted else { return Poll::Ready(Ok(())) };
                let (request, respond) = accepted?;
                calls.push(call::answer(service.clone(), request, respond));
            }
            if !matches!(calls.poll_next_unpin(cx), Poll::Ready(Some(()))) {
                return Poll::Pending;
            }
            while let Poll::Ready(Some(())) = calls.poll_next_unpin(cx) {}
        }
    })
    .await
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(MAX_HEAD)
        .max_send_buffer_size(SEND_BUFFER);
    builder
}
