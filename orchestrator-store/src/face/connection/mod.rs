//! One connection of HTTP/2, and all of its calls, in one task.
//!
//! A batch that the engine has committed answers many calls of a connection at once. They are polled
//! here, one after the other, and their answers leave together: a task for each call would wake
//! as often as there are calls, and would cost more than all the rest. What takes long goes
//! [beside](super::grpc::unary_beside).

mod alive;
mod call;

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
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
    let mut stopped = pin!(stop.cancelled().fuse());
    let mut calls = FuturesUnordered::new();
    let ended: Result<(), h2::Error> = poll_fn(|cx| {
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
                let call = call::answer(service.clone(), request, respond);
                // One that panics, which is a bug, does not take the others with it.
                calls.push(AssertUnwindSafe(call).catch_unwind());
            }
            if !matches!(calls.poll_next_unpin(cx), Poll::Ready(Some(_))) {
                return Poll::Pending;
            }
            while let Poll::Ready(Some(_)) = calls.poll_next_unpin(cx) {}
        }
    })
    .await;
    match ended {
        // A client that was told to leave may be gone before it has heard all.
        Err(error) if error.is_io() && stop.is_cancelled() => Ok(()),
        ended => ended,
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use h2::client::{self, SendRequest};
    use http::Request;
    use orchestrator_core::env::Task;
    use tokio::io::{AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::MemoryStore;
    use crate::face::{Face, Options};

    /// A connection that is being served, and the client's end of it.
    struct Served {
        face: Arc<Face>,
        stop: CancellationToken,
        serving: Task<Result<(), h2::Error>>,
        end: DuplexStream,
    }

    fn served(env: &Env) -> Served {
        let store = Arc::new(MemoryStore::new(env.clone()));
        let face = Arc::new(Face::new(env.clone(), store, Options::new()));
        let (end, stream) = tokio::io::duplex(64 << 10);
        let (service, stop) = (EtcdService::new(Arc::clone(&face)), CancellationToken::new());
        let (clock, stopped) = (env.clone(), stop.clone());
        let serving = async move { serve(&clock, stream, service, stopped).await };
        Served { face, stop, serving: env.spawn("connection", serving), end }
    }

    async fn connect(env: &Env, end: DuplexStream) -> (SendRequest<Bytes>, Task<()>) {
        let (client, connection) = client::handshake(end).await.unwrap();
        (client, env.spawn("client", async move { drop(connection.await) }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_nobody_wants_any_more_lets_go_of_everything() {
        let env = Env::simulated(1);
        let Served { face, stop, serving, end } = served(&env);
        let (mut client, _connection) = connect(&env, end).await;
        let idle = Arc::strong_count(&face);
        let watch = Request::post("http://e/etcdserverpb.Watch/Watch").body(()).unwrap();
        let (answer, mut requests) = client.send_request(watch, false).unwrap();
        let answer = answer.await.unwrap();
        assert!(answer.status().is_success() && Arc::strong_count(&face) > idle);
        requests.send_reset(h2::Reason::CANCEL);
        env.sleep(Duration::from_millis(1)).await;
        assert_eq!(Arc::strong_count(&face), idle);

        stop.cancel();
        // Nothing runs, so that it ends at once.
        let ended = serving.await.unwrap();
        assert!(ended.is_ok(), "{ended:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_run_may_end_after_the_stop() {
        let env = Env::simulated(1);
        let Served { stop, serving, end, .. } = served(&env);
        let (mut client, _connection) = connect(&env, end).await;
        let put = Request::post("http://e/etcdserverpb.KV/Put").body(()).unwrap();
        let (answer, mut request) = client.send_request(put, false).unwrap();
        env.sleep(Duration::from_millis(1)).await;
        stop.cancel();
        env.sleep(Duration::from_millis(1)).await;
        assert!(!serving.is_finished());
        request.send_data(Bytes::from_static(b"\0\0\0\0\x06\x0a\x01a\x12\x01b"), true).unwrap();
        let body = answer.await.unwrap().into_body();
        assert!(!body.is_end_stream(), "there is a message");
        drop((body, request));
        assert!(serving.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_falls_silent_is_let_go() {
        let env = Env::simulated(1);
        let Served { serving, mut end, .. } = served(&env);
        let begun = env.instant();
        end.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        assert!(serving.await.unwrap().is_ok());
        let waited = env.instant() - begun;
        assert!((60..120).contains(&waited.as_secs()), "{waited:?}");
    }
}
