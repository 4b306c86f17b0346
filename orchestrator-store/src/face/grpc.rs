//! Calls of gRPC as functions from messages to messages.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use orchestrator_core::BoxError;
use prost::Message;
use tonic::body::Body;
use tonic::server::{Grpc, ServerStreamingService, StreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};

use super::Face;
use super::codec::MessageCodec;
use super::options::{MAX_REQUEST_BYTES, MESSAGE_SLACK_BYTES};

/// A call that is being answered.
type Answering<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

/// The answers of a stream.
type Answers<A> = BoxStream<'static, Result<A, Status>>;

/// A body of a request.
pub(super) trait RequestBody:
    http_body::Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static
{
}

impl<B> RequestBody for B where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static
{
}

/// Answers a call of one message with one message.
pub(super) async fn unary<Q, A, F>(
    face: Arc<Face>,
    request: http::Request<impl RequestBody>,
    call: fn(Arc<Face>, Q) -> F,
) -> http::Response<Body>
where
    Q: Message + Default + 'static,
    A: Message + 'static,
    F: Future<Output = Result<A, Status>> + Send + 'static,
{
    grpc::<A, Q>().unary(Unary { face, call }, request).await
}

/// Answers a call of one message with a stream.
pub(super) async fn server_streaming<Q, A>(
    face: Arc<Face>,
    request: http::Request<impl RequestBody>,
    call: fn(Arc<Face>, Q) -> Answers<A>,
) -> http::Response<Body>
where
    Q: Message + Default + 'static,
    A: Message + 'static,
{
    grpc::<A, Q>().server_streaming(ServerStream { face, call }, request).await
}

/// Answers a stream with a stream.
pub(super) async fn streaming<Q, A>(
    face: Arc<Face>,
    request: http::Request<impl RequestBody>,
    call: fn(Arc<Face>, Request<Streaming<Q>>) -> Answers<A>,
) -> http::Response<Body>
where
    Q: Message + Default + 'static,
    A: Message + 'static,
{
    grpc::<A, Q>().streaming(BothStreams { face, call }, request).await
}

fn grpc<A, Q>() -> Grpc<MessageCodec<A, Q>>
where
    Q: Message + Default + 'static,
    A: Message + 'static,
{
    // What is sent is as long as it is: clients of etcd take any length.
    Grpc::new(MessageCodec::default())
        .max_decoding_message_size(MAX_REQUEST_BYTES + MESSAGE_SLACK_BYTES)
        .max_encoding_message_size(usize::MAX)
}

struct Unary<Q, F> {
    face: Arc<Face>,
    call: fn(Arc<Face>, Q) -> F,
}

impl<Q, A, F> UnaryService<Q> for Unary<Q, F>
where
    A: Message,
    F: Future<Output = Result<A, Status>> + Send + 'static,
    Q: Send + 'static,
{
    type Response = A;
    type Future = Answering<A>;

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let (face, call) = (Arc::clone(&self.face), self.call);
        Box::pin(async move {
            let _room = face.admit()?;
            call(Arc::clone(&face), request.into_inner()).await.map(Response::new)
        })
    }
}

struct ServerStream<Q, A> {
    face: Arc<Face>,
    call: fn(Arc<Face>, Q) -> Answers<A>,
}

impl<Q, A> ServerStreamingService<Q> for ServerStream<Q, A> {
    type Response = A;
    type ResponseStream = Answers<A>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let answers = (self.call)(Arc::clone(&self.face), request.into_inner());
        std::future::ready(Ok(Response::new(answers)))
    }
}

struct BothStreams<Q, A> {
    face: Arc<Face>,
    call: fn(Arc<Face>, Request<Streaming<Q>>) -> Answers<A>,
}

impl<Q, A> StreamingService<Q> for BothStreams<Q, A> {
    type Response = A;
    type ResponseStream = Answers<A>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<Q>>) -> Self::Future {
        let answers = (self.call)(Arc::clone(&self.face), request);
        std::future::ready(Ok(Response::new(answers)))
    }
}
