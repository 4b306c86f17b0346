//! Trees of JSON to values, and back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orchestrator_core::Json;
use orchestrator_core::object::Map as Tree;

use super::{List, Map, Shape, Text, Value, parse_duration, parse_timestamp, print_timestamp};
use crate::EvalError;
use crate::types::Type;

/// The value of a tree of which nothing is known.
pub(super) fn untyped(json: &Json) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Value::Int(value),
            (None, Some(value)) => Value::Uint(value),
            (None, None) => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(Text::Borrowed(text)),
        Json::Array(items) => Value::List(List::Tree(items, None)),
        Json::Object(map) => Value::Map(Map::Tree(map, Shape::Any)),
    }
}

/// The value of a tree of a type. Where tree and type do not agree, the tree is right: whether it
/// has the shape of its schema is for others to say.
pub(super) fn lift<'a>(json: &'a Json, ty: &'a Type) -> Result<Value<'a>, EvalError> {
    Ok(match (ty, json) {
        (Type::Double, Json::Number(number)) => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        (Type::Duration, Json::String(text)) => {
            let span = parse_duration(text).ok_or_else(|| {
                EvalError::undefined(format!("Invalid duration {text} expression"))
            })?;
            Value::Duration(span)
        }
        (Type::Timestamp, Json::String(text)) => {
            let time = parse_timestamp(text).or_else(|| date(text)).ok_or_else(|| {
                EvalError::undefined(format!("Invalid date formatted string {text}"))
            })?;
            Value::Timestamp(time)
        }
        (Type::Bytes(_), Json::String(text)) => {
            let bytes = STANDARD.decode(text).map_err(|_| {
                EvalError::undefined(format!("Invalid byte formatted string {text}"))
            })?;
            Value::Bytes(bytes.into())
        }
        (Type::List(list), Json::Array(items)) => Value::List(List::Tree(items, Some(list))),
        (Type::Map(map), Json::Object(tree)) => {
            Value::Map(Map::Tree(tree, Shape::Values(&map.value)))
        }
        (Type::Object(record), Json::Object(tree)) if !record.is_open() => {
            Value::Map(Map::Tree(tree, Shape::Fields(record)))
        }
        (_, other) => untyped(other),
    })
}

/// A day, as its first moment.
fn date(text: &str) -> Option<jiff::Timestamp> {
    parse_timestamp(&format!("{text}T00:00:00Z"))
}

/// How deep a value may be to be written as JSON: as deep as a tree may be that is read.
const DEPTH_MAX: usize = 128;

/// The value as JSON.
pub(crate) fn lower(value: &Value<'_>) -> Result<Json, EvalError> {
    lower_at(value, 0)
}

fn lower_at(value: &Value<'_>, depth: usize) -> Result<Json, EvalError> {
    if depth > DEPTH_MAX {
        return Err(EvalError::undefined("the value is nested too deeply"));
    }
    let inner = |value: &Value<'_>| lower_at(value, depth + 1);
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::from(*value),
        Value::Uint(value) => Json::from(*value),
        Value::Double(value) => Json::from(*value),
        Value::String(text) => Json::from(&**text),
        Value::Bytes(bytes) => Json::from(STANDARD.encode(bytes)),
        Value::Duration(span) => Json::from(span.seconds_text()),
        Value::Timestamp(time) => Json::from(print_timestamp(*time)),
        Value::List(List::Tree(items, _)) => Json::Array(items.to_vec()),
        Value::List(list) => {
            let items = list.iter().map(|item| inner(&item?));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Map(Map::Tree(map, _)) => Json::Object((*map).clone()),
        Value::Map(Map::Made(entries)) => {
            let mut map = Tree::new();
            for (key, value) in entries.iter() {
                map.insert(key.to_string().as_str().into(), inner(value)?);
            }
            Json::Object(map)
        }
        Value::Struct(made) => {
            let mut map = Tree::new();
            for (name, value) in &made.fields {
                map.insert((*name).into(), inner(value)?);
            }
            Json::Object(map)
        }
        Value::Optional(Some(content)) => inner(content)?,
        Value::Quantity(quantity) => Json::from(quantity.to_string()),
        Value::Ip(ip) => Json::from(ip.to_string()),
        Value::Cidr(range) => Json::from(range.to_string()),
        other => {
            let ty = super::type_of(other);
            return Err(EvalError::undefined(format!("unsupported conversion of {ty} to JSON")));
        }
    })
}
