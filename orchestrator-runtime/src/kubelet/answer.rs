//! Answers: text, objects, streams and failures.

use std::convert::Infallible;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use orchestrator_core::{Json, Status};

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Plain text.
pub(super) fn text(text: &'static str) -> Response<Body> {
    full(StatusCode::OK, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

/// An object.
pub(super) fn json(object: &Json) -> Response<Body> {
    full(StatusCode::OK, "application/json", Bytes::from(object.to_string()))
}

/// Bytes as they come.
pub(super) fn stream(chunks: BoxStream<'static, Bytes>) -> Response<Body> {
    let frames = chunks.map(|chunk| Ok(Frame::data(chunk)));
    with_type("text/plain", StreamBody::new(frames).boxed_unsync())
}

/// An upgrade, which has no body.
pub(super) fn upgraded(answer: Response<()>) -> Response<Body> {
    answer.map(|()| Empty::new().boxed_unsync())
}

/// A failure.
pub(super) fn failure(status: &Status) -> Response<Body> {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    full(code, "application/json", Bytes::from(status.to_object().into_json().to_string()))
}

fn full(code: StatusCode, content_type: &'static str, bytes: Bytes) -> Response<Body> {
    let mut answer = with_type(content_type, Full::new(bytes).boxed_unsync());
    *answer.status_mut() = code;
    answer
}

fn with_type(content_type: &'static str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
