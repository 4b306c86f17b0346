//! Answers with their headers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use orchestrator_core::Status;

use crate::encode::{self, Encoded, Form, Payload, gzip};

/// An answer of this service.
pub(crate) type Answer = Response<Payload>;

/// The longest warnings that are sent, all together; the rest is left out.
const MAX_WARNING_BYTES: usize = 4096;

/// An answer of the API, compressed where it is long and the client takes that.
pub(crate) fn encoded(encoded: Encoded, accept_encoding: &str) -> Answer {
    let Encoded { code, content_type, payload, compress } = encoded;
    let (payload, compressed) = match compress && gzip::accepted(accept_encoding) {
        true => compressed(payload),
        false => (payload, false),
    };
    let mut answer = with_type(code, content_type, payload);
    if compressed {
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    answer
}

/// A payload is a stream only where it is longer than a chunk: then it is worth it too.
fn compressed(payload: Payload) -> (Payload, bool) {
    match payload {
        Payload::Full(bytes) if bytes.len() < gzip::MIN_BYTES => (Payload::Full(bytes), false),
        Payload::Full(bytes) => (Payload::Full(gzip::bytes(&bytes)), true),
        Payload::Stream(chunks) => (Payload::Stream(gzip::stream(chunks)), true),
    }
}

/// A failure.
pub(crate) fn failure(status: &Status, form: Form) -> Answer {
    let mut answer = encoded(encode::status(status, form), "");
    if let Some(seconds) = status.details.retry_after_s {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    warn(&mut answer, &status.details.warnings);
    answer
}

/// An answer of the given type, which is empty where there is no body.
pub(crate) fn with_type(
    code: u16,
    content_type: &'static str,
    payload: impl Into<Payload>,
) -> Answer {
    let mut answer = Response::new(payload.into());
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !content_type.is_empty() {
        let content_type = HeaderValue::from_static(content_type);
        answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    answer
}

/// Plain text.
pub(crate) fn text(code: u16, text: impl Into<Payload>) -> Answer {
    let mut answer = with_type(code, "text/plain; charset=utf-8", text);
    let nosniff = HeaderValue::from_static("nosniff");
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    answer
}

/// 404 for a path that names neither a resource nor anything else.
pub(crate) fn page_not_found() -> Answer {
    text(404, "404 page not found\n")
}

/// Adds a `Warning` header for each text.
pub(crate) fn warn(answer: &mut Answer, warnings: &[String]) {
    let mut room = MAX_WARNING_BYTES;
    for warning in warnings {
        let mut value = String::from("299 - \"");
        for letter in warning.chars().filter(|letter| !letter.is_control()) {
            if matches!(letter, '"' | '\\') {
                value.push('\\');
            }
            value.push(letter);
        }
        value.push('"');
        let Some(left) = room.checked_sub(value.len()) else { return };
        room = left;
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            answer.headers_mut().append(header::WARNING, value);
        }
    }
}

/// Chunks that hold on to something until they end, such as a count of watchers.
pub(crate) struct Held<S, T> {
    chunks: S,
    _held: T,
}

impl<S, T> Held<S, T> {
    pub(crate) fn new(chunks: S, held: T) -> Self {
        Self { chunks, _held: held }
    }
}

impl<S: Stream<Item = Bytes> + Unpin, T: Unpin> Stream for Held<S, T> {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Pin::new(&mut self.chunks).poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_quoted_and_bounded() {
        let mut answer = text(200, "ok");
        warn(&mut answer, &["say \"x\"\n".into(), "y".repeat(5000), "last".into()]);
        let warnings: Vec<_> = answer.headers().get_all(header::WARNING).iter().collect();
        assert_eq!(warnings, ["299 - \"say \\\"x\\\"\""]);
    }

    #[test]
    fn a_failure_says_when_to_try_again() {
        let answer = failure(&Status::too_many_requests("slow down", 7), Form::PLAIN);
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "7");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    }
}
