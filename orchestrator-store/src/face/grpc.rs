//! Calls of gRPC as functions from messages to messages.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderValue, header};
use prost::Message;
use tonic::Status;

use super::Face;
use super::body::Body;
use super::messages::{RequestBody, Requests, framed, only};
use super::pieces::Answer;

/// The answers of a stream.
pub(super) type Answers<A> = BoxStream<'static, Result<A, Status>>;

/// Answers a call of one message with one message.
pub(super) async fn unary<Q, A, F>(
    face: Arc<Face>,
    request: http::Request<impl RequestBody>,
    call: fn(Arc<Face>, Q) -> F,
) -> http::Response<Body>
where
    Q: Message + Default,
    A: Answer,
    F: Future<Output = Result<A, Status>>,
{
    match only(request.into_body()).await {
        Ok(asked) => answer(face, asked, call).await,
        Err(status) => status.into_http(),
    }
}

/// The same where some calls, as `is_long` tells, take a while: these are answered beside the
/// others of their connection.
pub(super) async fn unary_beside<Q, A, F>(
    face: Arc<Face>,
    request: http::Request<impl RequestBody>,
    is_long: fn(&Q) -> bool,
    call: fn(Arc<Face>, Q) -> F,
) -> http::Response<Body>
where
    Q: Message + Default + 'static,
    A: Answer + Send + 'static,
    F: Future<Output = Result<A, Status>> + Send + 'static,
{
    match only(request.into_body()).await {
        Ok(asked) if is_long(&asked) => {
            let env = face.env.clone();
            let answered = env.spawn("etcd call", answer(face, asked, call)).await;
            answered.unwrap_or_else(|| Status::internal("the call failed").into_http())
        }
        Ok(asked) => answer(face, asked, call).await,
        Err(status) => status.into_http(),
    }
}

async fn answer<Q, A, F>(
    face: Arc<Face>,
    asked: Q,
    call: fn(Arc<Face>, Q) -> F,
) -> http::Response<Body>
where
    A: Answer,
    F: Future<Output = Result<A, Status>>,
{
    let answered = match face.admit() {
        Ok(_room) => call(Arc::clone(&face), asked).await,
        Err(status) => Err(status),
    };
    match answered.and_then(|answer| framed(&answer)) {
        Ok(message) => response(Body::message(message)),
        Err(status) => status.into_http(),
    }
}

/// Answers a call of one message with a stream.
pub(super) async fn server_streaming<Q, A>(
    face: Arc<Face>,
    request: http::Request<impl RequestBody>,
    call: fn(Arc<Face>, Q) -> Answers<A>,
) -> http::Response<Body>
where
    Q: Message + Default,
    A: Answer + Send + 'static,
{
    match only(request.into_body()).await {
        Ok(asked) => streamed(call(face, asked)),
        Err(status) => status.into_http(),
    }
}

/// Answers a stream with a stream; `call` gets the metadata too.
pub(super) fn streaming<Q, A>(
    face: Arc<Face>,
    request: http::Request<impl RequestBody>,
    call: fn(Arc<Face>, &HeaderMap, Requests<Q>) -> Answers<A>,
) -> http::Response<Body>
where
    A: Answer + Send + 'static,
{
    let (head, body) = request.into_parts();
    streamed(call(face, &head.headers, Requests::new(body)))
}

fn streamed<A: Answer + 'static>(answers: Answers<A>) -> http::Response<Body> {
    let messages = answers.map(|answer| answer.and_then(|answer| framed(&answer)));
    response(Body::stream(messages.boxed()))
}

fn response(body: Body) -> http::Response<Body> {
    let mut response = http::Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}
