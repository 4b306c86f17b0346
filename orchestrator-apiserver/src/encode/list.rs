//! Lists: the shared bytes of the items one after the other, never one giant tree.
//!
//! A list that fits into one chunk is sent at once, with its length; a longer one is encoded
//! chunk by chunk while it is sent, so its memory is bounded by the chunk.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use orchestrator_core::object::Object;
use orchestrator_core::schema::Schema;
use orchestrator_core::service::List;
use orchestrator_core::{Item, Json, ResourceDef, Status};

use super::accept::{Encoding, Form, MetaVersion, Shape};
use super::{Clock, Include, Payload, metadata, object, table};

/// How much of a list is encoded before it is sent.
const CHUNK_BYTES: usize = 128 * 1024;

/// Encodes `list` in the negotiated form.
///
/// # Errors
/// 406 where the form is one of single objects; 500 where a stored object cannot be read.
pub(crate) fn encode(
    list: List,
    form: Form,
    include: Include,
    clock: &Clock,
) -> Result<Payload, Status> {
    let parts = match form.shape {
        Shape::Object => Parts::objects(list),
        Shape::MetadataList(version) => Parts::metadata(list, version),
        Shape::Table(version) => Parts::rows(list, version, include, clock.clone()),
        Shape::Metadata(_) => return Err(not_one(&list.def)),
    };
    if form.encoding != Encoding::Json || form.pretty {
        let bytes = parts.all();
        let json: Json = serde_json::from_slice(&bytes).map_err(Status::internal)?;
        return Ok(object::encode_json(&json, form)?.into());
    }
    Ok(parts.into_payload())
}

/// 406: the form for one object was asked of a list.
fn not_one(def: &ResourceDef) -> Status {
    let message = format!(
        "you requested PartialObjectMetadata, but the requested object is a list (*{}.{}List)",
        object::go_package(def),
        def.kind
    );
    Status::new(406, "NotAcceptable", message)
}

type Append = Box<dyn FnMut(&mut Vec<u8>, &Item) + Send>;

/// A list on its way: what stands before the items, the items, what stands after them.
struct Parts {
    head: Vec<u8>,
    items: std::iter::Enumerate<std::vec::IntoIter<Item>>,
    append: Append,
    tail: &'static [u8],
}

impl Parts {
    fn objects(list: List) -> Self {
        let def = Arc::clone(&list.def);
        let gvr = &def.gvr;
        let typed = Schema::builtin().kind(&gvr.group, &gvr.version, &def.kind).is_some();
        let mut wire = Vec::new();
        let append: Append = match typed {
            true => Box::new(move |out, item| {
                wire.clear();
                item.append_wire(&mut wire);
                super::typeless::append(out, &wire);
            }),
            false => Box::new(|out, item| item.append_wire(out)),
        };
        let head = head(&def.list_kind(), &def.api_version(), &list, "items");
        Self { head, items: list.items.into_iter().enumerate(), append, tail: b"]}" }
    }

    fn metadata(list: List, version: MetaVersion) -> Self {
        let head = head("PartialObjectMetadataList", version.api_version(), &list, "items");
        let append: Append =
            Box::new(move |out, item| write(out, &metadata::of(item, version).into_json()));
        Self { head, items: list.items.into_iter().enumerate(), append, tail: b"]}" }
    }

    fn rows(list: List, version: MetaVersion, include: Include, clock: Clock) -> Self {
        let def = Arc::clone(&list.def);
        let mut head = head("Table", version.api_version(), &list, "columnDefinitions");
        head.pop();
        write(&mut head, &table::columns(&*def.table));
        head.extend_from_slice(b",\"rows\":[");
        let now = clock.now();
        let append: Append = Box::new(move |out, item| {
            write(out, &table::row(&*def.table, item, include, version, now));
        });
        Self { head, items: list.items.into_iter().enumerate(), append, tail: b"]}" }
    }

    /// The next chunk; empty at the end.
    fn chunk(&mut self) -> Bytes {
        let mut out = std::mem::take(&mut self.head);
        while out.len() < CHUNK_BYTES {
            let Some((index, item)) = self.items.next() else {
                out.extend_from_slice(std::mem::take(&mut self.tail));
                break;
            };
            if index > 0 {
                out.push(b',');
            }
            (self.append)(&mut out, &item);
        }
        out.into()
    }

    fn all(mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return all;
            }
            all.extend_from_slice(&chunk);
        }
    }

    fn into_payload(mut self) -> Payload {
        let first = self.chunk();
        if self.tail.is_empty() {
            return Payload::Full(first);
        }
        let chunks = stream::iter(std::iter::once(first).chain(std::iter::from_fn(move || {
            let chunk = self.chunk();
            (!chunk.is_empty()).then_some(chunk)
        })));
        Payload::Stream(Box::pin(chunks))
    }
}

/// Everything before the first item: kind, version, list metadata, and the opened array `array`.
fn head(kind: &str, api_version: &str, list: &List, array: &str) -> Vec<u8> {
    let mut object = Object::new(api_version, kind);
    object.set_meta("resourceVersion", list.revision.to_string());
    object.set_meta("continue", list.continue_token.as_str());
    if list.def.schema.source().is_some() && kind == list.def.list_kind() {
        // A list without a type behind it tells so that it does not go on.
        object.meta_mut().insert("continue".into(), list.continue_token.as_str().into());
    }
    if let Some(remaining) = list.remaining {
        object.set_meta("remainingItemCount", remaining);
    }
    let mut head = Vec::with_capacity(256);
    write(&mut head, &object.into_json());
    head.pop();
    head.extend_from_slice(b",\"");
    head.extend_from_slice(array.as_bytes());
    head.extend_from_slice(b"\":[");
    head
}

fn write(out: &mut Vec<u8>, json: &Json) {
    serde_json::to_writer(out, json).expect("a JSON tree always encodes");
}
