//! Decoding: from the bytes of a request to an object that obeys its schema.
//!
//! One walk does everything: it checks types as Go's decoder does, reports unknown and duplicate
//! fields with their paths (which the caller turns into warnings or into an error), drops what
//! Go would not write again (null, empty optional lists and maps), and brings quantities, times
//! and bytes into canonical form. The result is what a typed object would be after a round trip.
//!
//! The walk drives any serde deserializer, so the bytes of a request ([`from_slice`]) and the
//! tree that a patch made ([`from_json`]) go the same way; a tree
//! that is as it should be already stays what it is (`fits`). Nesting is limited to [`MAX_DEPTH`].

mod containers;
mod context;
mod fits;
mod node;
mod omit;

use serde::Deserialize;
use serde::de::DeserializeSeed;

pub use context::{DecodeError, Problem};

use self::context::Context;
use self::node::{Node, Shape};
use super::{Definition, Schema};
use crate::Json;

/// How deep lists and maps may nest.
///
/// Many readers, serde_json among them, stop at 128; `managedFields` repeat the nesting of the
/// object four levels further down, and lists and watch events wrap it.
pub const MAX_DEPTH: usize = 100;

/// How many problems are reported; the rest is not worth sending.
pub const MAX_PROBLEMS: usize = 100;

/// A decoded body.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The object.
    pub value: Json,
    /// Unknown and duplicate fields, in the order of the body.
    pub problems: Vec<Problem>,
}

/// The fields that say what an object is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TypeMeta {
    /// Group and version.
    pub api_version: String,
    /// The kind.
    pub kind: String,
}

/// Decodes the bytes of a body under `definition`.
///
/// # Errors
/// The bytes are no JSON in UTF-8, nest too deep, or hold a value of the wrong type.
pub fn from_slice(
    schema: &Schema,
    definition: &Definition,
    body: &[u8],
) -> Result<Decoded, DecodeError> {
    read(schema, Shape::Struct(definition), body)
}

/// Decodes a tree under `definition`; `from_slice` without bytes.
///
/// # Errors
/// The tree nests too deep or holds a value of the wrong type.
pub fn from_json(
    schema: &Schema,
    definition: &Definition,
    value: Json,
) -> Result<Decoded, DecodeError> {
    let shape = Shape::Struct(definition);
    if fits::fits(schema, shape, &value) {
        return Ok(Decoded { value, problems: Vec::new() });
    }
    decode_tree(schema, shape, value)
}

fn decode_tree(schema: &Schema, shape: Shape<'_>, value: Json) -> Result<Decoded, DecodeError> {
    let mut cx = Context::new(schema);
    let result = Node::new(&mut cx, shape).deserialize(&value);
    cx.finish(result)
}

/// Reads any JSON and reports duplicate fields; for bodies that no schema describes.
///
/// # Errors
/// The bytes are no JSON in UTF-8, or nest too deep.
pub fn untyped(body: &[u8]) -> Result<Decoded, DecodeError> {
    read(Schema::builtin(), Shape::Free, body)
}

/// The version and kind that a body names, and nothing else of it.
///
/// # Errors
/// The bytes are no JSON object, or the two fields are no texts.
pub fn type_meta(body: &[u8]) -> Result<TypeMeta, DecodeError> {
    let found = match body.trim_ascii_start().first() {
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        Some(b'-' | b'0'..=b'9') => "number",
        // What else is no object, the reader below refuses.
        _ => "",
    };
    if !found.is_empty() {
        let error = format!("json: cannot unmarshal {found} into Go value of type struct");
        return Err(DecodeError::TypeMeta(error));
    }
    serde_json::from_slice(body).map_err(|error| DecodeError::TypeMeta(context::syntax(&error)))
}

fn read(schema: &Schema, shape: Shape<'_>, body: &[u8]) -> Result<Decoded, DecodeError> {
    let text = std::str::from_utf8(body).map_err(|error| DecodeError::Utf8(error.valid_up_to()))?;
    let mut cx = Context::new(schema);
    let mut reader = serde_json::Deserializer::from_str(text);
    let result = Node::new(&mut cx, shape).deserialize(&mut reader);
    let result = result.and_then(|value| reader.end().map(|()| value));
    cx.finish(result)
}

#[cfg(test)]
mod tests;
