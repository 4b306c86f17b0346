//! Single values: how each travels.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use orchestrator_core::Json;
use orchestrator_core::env::{rfc3339, rfc3339_micros};
use orchestrator_core::schema::Scalar;

use super::wire::{Reader, Value, Writer};
use super::{ProtobufError, empty};

/// Reads a single value.
pub(super) fn read(scalar: Scalar, value: Value<'_>) -> Result<Json, ProtobufError> {
    use Value::{Bytes, Fixed, Number};
    Ok(match (scalar, value) {
        (Scalar::String, Bytes(bytes)) => text(bytes)?.into(),
        (Scalar::Bytes, Bytes(bytes)) => BASE64_STANDARD.encode(bytes).into(),
        (Scalar::Int | Scalar::Int64, Number(number)) => number.cast_signed().into(),
        (Scalar::Number, Fixed(bytes)) => f64::from_le_bytes(bytes).into(),
        (Scalar::Bool, Number(number)) => (number != 0).into(),
        (Scalar::Quantity, Bytes(message)) => match at(message, 1)? {
            Some(Bytes(bytes)) => text(bytes)?.into(),
            _ => "0".into(),
        },
        (Scalar::IntOrString, Bytes(message)) => int_or_string(message)?,
        (Scalar::Time, Bytes(message)) => time(message, rfc3339)?,
        (Scalar::MicroTime, Bytes(message)) => time(message, rfc3339_micros)?,
        (Scalar::RawExtension | Scalar::FieldsV1 | Scalar::Json, Bytes(message)) => raw(message)?,
        _ => return Err(ProtobufError("a field has the wrong type")),
    })
}

fn text(bytes: &[u8]) -> Result<&str, ProtobufError> {
    std::str::from_utf8(bytes).map_err(|_| ProtobufError("a text is not UTF-8"))
}

/// The last value at a number of a message.
fn at(message: &[u8], number: u32) -> Result<Option<Value<'_>>, ProtobufError> {
    let mut found = None;
    for entry in Reader::new(message) {
        let (place, value) = entry?;
        if place == number {
            found = Some(value);
        }
    }
    Ok(found)
}

fn int_or_string(message: &[u8]) -> Result<Json, ProtobufError> {
    Ok(match (at(message, 1)?, at(message, 2)?, at(message, 3)?) {
        (Some(Value::Number(1)), _, Some(Value::Bytes(bytes))) => text(bytes)?.into(),
        (Some(Value::Number(1)), _, _) => "".into(),
        (_, Some(Value::Number(number)), _) => number.cast_signed().into(),
        _ => 0.into(),
    })
}

/// A time; one that says nothing is none.
fn time(message: &[u8], show: fn(Timestamp) -> String) -> Result<Json, ProtobufError> {
    let number = |place| match at(message, place)? {
        Some(Value::Number(number)) => Ok(number.cast_signed()),
        _ => Ok(0),
    };
    if message.is_empty() {
        return Ok(Json::Null);
    }
    let nanos = i32::try_from(number(2)?).unwrap_or_default();
    let time = Timestamp::new(number(1)?, nanos);
    Ok(show(time.map_err(|_| ProtobufError("a time is out of range"))?).into())
}

fn raw(message: &[u8]) -> Result<Json, ProtobufError> {
    match at(message, 1)? {
        Some(Value::Bytes(bytes)) if !bytes.is_empty() => {
            serde_json::from_slice(bytes).map_err(|_| ProtobufError("embedded data is no JSON"))
        }
        _ => Ok(empty()),
    }
}

/// Writes a single value; one of the wrong type is left out.
pub(super) fn write(out: &mut Writer, number: u32, scalar: Scalar, json: &Json) {
    let texts = |text: &str| -> Vec<u8> {
        let mut inner = Writer::default();
        inner.bytes(1, text.as_bytes());
        inner.into_bytes()
    };
    match (scalar, json) {
        (Scalar::String, Json::String(text)) => out.bytes(number, text.as_bytes()),
        (Scalar::Bytes, Json::String(text)) => {
            out.bytes(number, &BASE64_STANDARD.decode(text).unwrap_or_default());
        }
        (Scalar::Int | Scalar::Int64, Json::Number(value)) => {
            out.number(number, value.as_i64().unwrap_or_default().cast_unsigned());
        }
        (Scalar::Number, Json::Number(value)) => {
            out.fixed(number, value.as_f64().unwrap_or_default().to_le_bytes());
        }
        (Scalar::Bool, Json::Bool(value)) => out.number(number, u64::from(*value)),
        (Scalar::Quantity, Json::String(text)) => out.bytes(number, &texts(text)),
        (Scalar::IntOrString, value) => out.bytes(number, &write_int_or_string(value)),
        (Scalar::Time | Scalar::MicroTime, Json::String(text)) => {
            out.bytes(number, &write_time(text));
        }
        (Scalar::RawExtension | Scalar::FieldsV1 | Scalar::Json, value) => {
            out.bytes(number, &texts(&value.to_string()));
        }
        _ => {}
    }
}

fn write_int_or_string(value: &Json) -> Vec<u8> {
    let mut inner = Writer::default();
    inner.number(1, u64::from(value.is_string()));
    inner.number(2, value.as_i64().unwrap_or_default().cast_unsigned());
    inner.bytes(3, value.as_str().unwrap_or_default().as_bytes());
    inner.into_bytes()
}

fn write_time(text: &str) -> Vec<u8> {
    let mut inner = Writer::default();
    if let Ok(time) = text.parse::<Timestamp>() {
        inner.number(1, time.as_second().cast_unsigned());
        inner.number(2, i64::from(time.subsec_nanosecond()).cast_unsigned());
    }
    inner.into_bytes()
}
