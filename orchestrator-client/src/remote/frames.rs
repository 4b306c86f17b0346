//! The frames of a watch: JSON documents, one a line.

use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use orchestrator_core::env::Task;
use orchestrator_core::scan::{Malformed, Members};
use orchestrator_core::service::WatchEvent;
use orchestrator_core::{Item, Object, Revision, Status};

/// The longest frame taken: an object of the store's limit, with room for its envelope.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// The annotation of the bookmark that ends the initial state.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

struct Reader {
    body: Incoming,
    buffer: BytesMut,
    /// Where in the buffer to look for the end of the line.
    searched: usize,
    ended: bool,
    _connection: Option<Task<()>>,
}

/// The events of a watch's answer; they end with the body, or with the first error.
pub(super) fn events(
    body: Incoming,
    connection: Option<Task<()>>,
) -> BoxStream<'static, Result<WatchEvent, Status>> {
    let buffer = BytesMut::new();
    let reader = Reader { body, buffer, searched: 0, ended: false, _connection: connection };
    stream::unfold(reader, |mut reader| async move {
        if reader.ended {
            return None;
        }
        let event = reader.next().await?;
        reader.ended = event.is_err();
        Some((event, reader))
    })
    .boxed()
}

impl Reader {
    async fn next(&mut self) -> Option<Result<WatchEvent, Status>> {
        loop {
            if let Some(line) = self.line() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Some(decode(&line));
            }
            if self.buffer.len() > MAX_FRAME_BYTES {
                return Some(Err(Status::internal("watch frame is too long")));
            }
            match self.body.frame().await? {
                Ok(frame) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
                Err(error) => return Some(Err(Status::unavailable(error.to_string()))),
            }
        }
    }

    /// Takes the next whole line out of the buffer.
    fn line(&mut self) -> Option<Bytes> {
        let found = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
        let Some(end) = found.map(|end| end + self.searched) else {
            self.searched = self.buffer.len();
            return None;
        };
        self.searched = 0;
        let line = self.buffer.split_to(end).freeze();
        self.buffer.advance(1);
        Some(line)
    }
}

fn decode(line: &[u8]) -> Result<WatchEvent, Status> {
    let mut members = Members::new(line, 0).ok_or_else(|| Status::internal(Malformed))?;
    let (mut word, mut object) = (&[][..], None);
    while let Some(member) = members.step().map_err(Status::internal)? {
        match member.name {
            b"type" => word = &line[member.value],
            b"object" => object = Some(&line[member.value]),
            _ => {}
        }
    }
    let object = object.ok_or_else(|| Status::internal("watch event without an object"))?;
    let item = || Item::from_wire(Bytes::copy_from_slice(object));
    let tree = || serde_json::from_slice::<Object>(object).map_err(Status::internal);
    Ok(match word {
        br#""ADDED""# => WatchEvent::Added(item()),
        br#""MODIFIED""# => WatchEvent::Modified(item()),
        br#""DELETED""# => WatchEvent::Deleted(item()),
        br#""BOOKMARK""# => {
            let object = tree()?;
            WatchEvent::Bookmark {
                revision: Revision::new(object.resource_version().parse().unwrap_or_default()),
                initial_events_end: object.annotation(INITIAL_EVENTS_END) == Some("true"),
            }
        }
        br#""ERROR""# => return Err(Status::from_object(&tree()?, 500)),
        other => {
            let other = String::from_utf8_lossy(other);
            return Err(Status::internal(format_args!("unknown watch event {other}")));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_become_events_and_an_error_frame_becomes_its_status() {
        let added = br#"{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"}}}"#;
        let WatchEvent::Added(item) = decode(added).unwrap() else { panic!("not added") };
        assert_eq!((item.revision(), item.key().name.as_ref()), (Revision::new(7), "a"));
        let gone = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#;
        assert!(decode(gone).unwrap_err().is_expired());
        for bad in [&b"{"[..], b"[]", br#"{"type":"X","object":{}}"#] {
            assert_eq!(decode(bad).unwrap_err().code, 500);
        }
    }
}
