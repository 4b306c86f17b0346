//! Answers as bytes: negotiation, single objects, lists, watches, tables, metadata, YAML.
//!
//! What the pipeline answers is data; this module writes it in the form that the client accepts.
//! Objects are sent as the bytes that all readers share ([`Item::wire`](orchestrator_core::Item)),
//! a list is written chunk by chunk, a watch frame by frame.

mod accept;
pub(crate) mod gzip;
mod list;
mod metadata;
pub(crate) mod object;
mod payload;
pub(crate) mod protobuf;
mod table;
#[cfg(test)]
mod tests;
mod typeless;
mod watch;
mod yaml;

pub use accept::{Encoding, Form, MetaVersion, Shape, Wish};
pub use payload::Payload;
pub use table::Include;

pub(crate) use accept::clauses;
pub(crate) use yaml::encode as yaml;

use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Env, Status};

/// The clock that ages in tables are relative to.
pub(crate) type Clock = Env;

/// An answer as bytes.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) code: u16,
    pub(crate) content_type: &'static str,
    pub(crate) payload: Payload,
    /// Whether the answer may be compressed.
    pub(crate) compress: bool,
}

/// Encodes what the pipeline answered, except for the two-way sessions.
///
/// # Errors
/// 406 where the answer has no such form; 500 where a stored object cannot be read.
pub(crate) fn encode(
    body: ResponseBody,
    form: Form,
    include: Include,
    clock: &Clock,
) -> Result<Encoded, Status> {
    let content_type = form.content_type();
    Ok(match body {
        ResponseBody::Object { code, item, def } => {
            let bytes = object::encode(&item, def.as_deref(), form, include, clock)?;
            Encoded { code, content_type, payload: bytes.into(), compress: true }
        }
        ResponseBody::List(list) => {
            let payload = list::encode(list, form, include, clock)?;
            Encoded { code: 200, content_type, payload, compress: true }
        }
        ResponseBody::Watch(watch) => {
            let content_type = match form.encoding {
                Encoding::Protobuf => protobuf::WATCH_TYPE,
                _ => content_type,
            };
            let frames = watch::Frames::new(watch, form, include, clock.clone());
            let payload = Payload::Stream(Box::pin(frames));
            Encoded { code: 200, content_type, payload, compress: false }
        }
        // A log that nobody can have written yet is no text at all.
        ResponseBody::Bytes { content_type: "", .. } => {
            Encoded { code: 204, content_type: "", payload: Payload::empty(), compress: false }
        }
        ResponseBody::Bytes { content_type, stream } => {
            Encoded { code: 200, content_type, payload: Payload::Stream(stream), compress: false }
        }
        _ => return Err(Status::bad_request("Upgrade request required")),
    })
}

/// Encodes a failure.
pub(crate) fn status(status: &Status, form: Form) -> Encoded {
    let form = form.as_object();
    let bytes = object::encode_json(&status.to_object().into_json(), form);
    let payload = bytes.expect("a status has every form").into();
    Encoded { code: status.code, content_type: form.content_type(), payload, compress: false }
}
