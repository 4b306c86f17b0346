//! Watches: one frame per event, a line of JSON each.
//!
//! An event's object is the bytes that all watchers share. Small frames that are ready at the
//! same time leave in one chunk; a large object is sent as it is, without a copy.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use orchestrator_core::object::Object;
use orchestrator_core::service::{Watch, WatchEvent};
use orchestrator_core::{Item, Json, ResourceDef, Revision, Status};
use serde_json::json;

use super::accept::{Encoding, Form, MetaVersion, Shape};
use super::{Clock, Include, metadata, protobuf, table};

/// How many bytes of frames gather before they are sent on.
const BATCH_BYTES: usize = 32 * 1024;

/// Objects above this size are not copied into a batch.
const SHARED_BYTES: usize = 8 * 1024;

/// The frames of a watch as they come.
pub(crate) struct Frames {
    def: Arc<ResourceDef>,
    /// `None` once the watch has ended.
    events: Option<BoxStream<'static, Result<WatchEvent, Status>>>,
    form: Form,
    include: Include,
    clock: Clock,
    columns_sent: bool,
    batch: BytesMut,
    ready: VecDeque<Bytes>,
}

impl Frames {
    pub(crate) fn new(watch: Watch, form: Form, include: Include, clock: Clock) -> Self {
        Self {
            def: watch.def,
            events: Some(watch.events),
            form,
            include,
            clock,
            columns_sent: false,
            batch: BytesMut::new(),
            ready: VecDeque::new(),
        }
    }

    fn push(&mut self, event: Result<WatchEvent, Status>) {
        let (word, object) = match event {
            Ok(WatchEvent::Bookmark { revision, initial_events_end }) => {
                ("BOOKMARK", self.bookmark(revision, initial_events_end))
            }
            Ok(event) => {
                let item = event.item().expect("only a bookmark has no object");
                (event.word(), self.object(item))
            }
            Err(status) => ("ERROR", encode(&status.to_object().into_json())),
        };
        if self.form.encoding == Encoding::Protobuf {
            return self.push_protobuf(word, &object);
        }
        self.batch.put_slice(b"{\"type\":\"");
        self.batch.put_slice(word.as_bytes());
        self.batch.put_slice(b"\",\"object\":");
        if object.len() > SHARED_BYTES {
            self.flush();
            self.ready.push_back(object);
        } else {
            self.batch.put_slice(&object);
        }
        self.batch.put_slice(b"}\n");
    }

    /// A kind without such a form ends the watch: the client asked for what there is not.
    fn push_protobuf(&mut self, word: &str, object: &[u8]) {
        let json = serde_json::from_slice(object).unwrap_or_default();
        match protobuf::frame(word, &json) {
            Some(frame) => self.batch.put_slice(&frame),
            None => self.events = None,
        }
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.ready.push_back(self.batch.split().freeze());
        }
    }

    fn object(&mut self, item: &Item) -> Bytes {
        match self.form.shape {
            Shape::Object => item.wire(),
            Shape::Metadata(version) | Shape::MetadataList(version) => {
                encode(&metadata::of(item, version).into_json())
            }
            Shape::Table(version) => {
                let now = self.clock.now();
                let row = table::row(&*self.def.table, item, self.include, version, now);
                self.table(version, item.revision(), vec![row])
            }
        }
    }

    /// A table frame; only the first one of a watch says which columns there are.
    fn table(&mut self, version: MetaVersion, revision: Revision, rows: Vec<Json>) -> Bytes {
        let columns = match std::mem::replace(&mut self.columns_sent, true) {
            true => Json::Null,
            false => table::columns(&*self.def.table),
        };
        encode(&json!({
            "kind": "Table", "apiVersion": version.api_version(),
            "metadata": {"resourceVersion": revision.to_string()},
            "columnDefinitions": columns, "rows": rows,
        }))
    }

    fn bookmark(&mut self, revision: Revision, initial_events_end: bool) -> Bytes {
        let mut object = match self.form.shape {
            Shape::Object => Object::new(self.def.api_version(), self.def.kind.as_ref()),
            Shape::Metadata(version) | Shape::MetadataList(version) => {
                Object::new(version.api_version(), "PartialObjectMetadata")
            }
            Shape::Table(version) if !initial_events_end => {
                return self.table(version, revision, Vec::new());
            }
            Shape::Table(version) => return self.end_of_initial_table(version, revision),
        };
        mark(&mut object, revision, initial_events_end);
        encode(&object.into_json())
    }

    /// The one bookmark of a table that carries more than a revision: its row tells the end.
    fn end_of_initial_table(&mut self, version: MetaVersion, revision: Revision) -> Bytes {
        let mut object = Object::new(version.api_version(), "PartialObjectMetadata");
        mark(&mut object, revision, true);
        let cells = vec![Json::Null; self.def.table.columns().len()];
        let row = json!({"cells": cells, "object": object.into_json()});
        self.table(version, revision, vec![row])
    }
}

fn mark(object: &mut Object, revision: Revision, initial_events_end: bool) {
    object.set_meta("resourceVersion", revision.to_string());
    if initial_events_end {
        object.set_meta("annotations", json!({"k8s.io/initial-events-end": "true"}));
    }
}

fn encode(json: &Json) -> Bytes {
    serde_json::to_vec(json).expect("a JSON tree always encodes").into()
}

impl Stream for Frames {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        while this.ready.is_empty() && this.batch.len() < BATCH_BYTES {
            let Some(events) = &mut this.events else { break };
            match events.poll_next_unpin(cx) {
                Poll::Ready(Some(event)) => {
                    let failed = event.is_err();
                    this.push(event);
                    if failed {
                        this.events = None;
                    }
                }
                Poll::Ready(None) => this.events = None,
                Poll::Pending if this.batch.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if let Some(chunk) = this.ready.pop_front() {
            return Poll::Ready(Some(chunk));
        }
        match this.batch.is_empty() {
            true => Poll::Ready(None),
            false => Poll::Ready(Some(this.batch.split().freeze())),
        }
    }
}
