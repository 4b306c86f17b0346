//! Protobuf, for clients of built-in kinds that prefer it: `kubectl create` sends its objects so.
//!
//! The server works on JSON trees; this module turns protobuf into them and back. What the
//! messages look like is the schema that everything else uses, beside a table of field numbers
//! ([`table`]). An object travels in an envelope: four magic bytes, then a message that names its
//! version and kind and carries the object's own message.

mod read;
mod scalar;
mod table;
#[cfg(test)]
mod tests;
mod wire;
mod write;

use bytes::Bytes;
use orchestrator_core::object::Map;
use orchestrator_core::resource::split_api_version;
use orchestrator_core::schema::{Definition, Schema};
use orchestrator_core::{Json, Status};

use wire::{Reader, Value, Writer};

/// The media type of one object.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// The media type of a watch.
pub(crate) const WATCH_TYPE: &str = "application/vnd.kubernetes.protobuf;stream=watch";

/// What every envelope begins with.
const MAGIC: &[u8] = b"k8s\0";

/// The message is not what it says it is.
#[derive(Debug, thiserror::Error)]
#[error("protobuf: {0}")]
pub(crate) struct ProtobufError(&'static str);

/// The definition of a kind that has field numbers.
fn definition(api_version: &str, kind: &str) -> Option<&'static Definition> {
    let (group, version) = split_api_version(api_version);
    let definition = Schema::builtin().kind(group, version, kind)?;
    table::message(&definition.name).map(|_| definition)
}

/// Reads an object out of its envelope.
///
/// # Errors
/// 400 where the bytes are broken; 415 where the kind is none that is sent in this form.
pub(crate) fn decode(bytes: &[u8]) -> Result<Json, Status> {
    let broken = |error: ProtobufError| Status::bad_request(error.to_string());
    let envelope = bytes.strip_prefix(MAGIC);
    let envelope = envelope.ok_or_else(|| {
        Status::bad_request("provided data does not appear to be a protobuf message")
    })?;
    let (api_version, kind, raw) = open(envelope).map_err(broken)?;
    let definition = definition(api_version, kind).ok_or_else(|| {
        let message = format!("{kind:?} of {api_version:?} is not taken as protobuf, only as JSON");
        Status::unsupported_media_type(message)
    })?;
    let mut object = read::message(Schema::builtin(), definition, raw).map_err(broken)?;
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    Ok(Json::Object(object))
}

/// Version, kind and message of an envelope.
fn open(envelope: &[u8]) -> Result<(&str, &str, &[u8]), ProtobufError> {
    let (mut names, mut raw) = (["", ""], &[][..]);
    for entry in Reader::new(envelope) {
        match entry? {
            (1, Value::Bytes(meta)) => {
                for entry in Reader::new(meta) {
                    if let (place @ (1 | 2), Value::Bytes(name)) = entry? {
                        let text = std::str::from_utf8(name);
                        names[place as usize - 1] =
                            text.map_err(|_| ProtobufError("a name is no text"))?;
                    }
                }
            }
            (2, Value::Bytes(message)) => raw = message,
            _ => {}
        }
    }
    Ok((names[0], names[1], raw))
}

/// Puts an object into its envelope; `None` for a kind that has no such form.
pub(crate) fn encode(object: &Json) -> Option<Bytes> {
    let map = object.as_object()?;
    let name = |field: &str| map.get(field).and_then(Json::as_str).unwrap_or_default();
    let (api_version, kind) = (name("apiVersion"), name("kind"));
    let message = write::message(Schema::builtin(), definition(api_version, kind)?, map);
    let mut meta = Writer::default();
    meta.bytes(1, api_version.as_bytes());
    meta.bytes(2, kind.as_bytes());
    let mut envelope = Writer::from(MAGIC.to_vec());
    envelope.bytes(1, &meta.into_bytes());
    envelope.bytes(2, &message);
    envelope.bytes(3, b"");
    envelope.bytes(4, b"");
    Some(envelope.into_bytes().into())
}

/// One frame of a watch: its length, then type and object.
pub(crate) fn frame(word: &str, object: &Json) -> Option<Bytes> {
    let mut raw = Writer::default();
    raw.bytes(1, &encode(object)?);
    let mut event = Writer::default();
    event.bytes(1, word.as_bytes());
    event.bytes(2, &raw.into_bytes());
    let event = event.into_bytes();
    let mut frame = u32::try_from(event.len()).ok()?.to_be_bytes().to_vec();
    frame.extend_from_slice(&event);
    Some(frame.into())
}

/// An object without fields.
fn empty() -> Json {
    Json::Object(Map::new())
}
