//! Conversions: `int`, `string`, `type` and their like.

use super::{Called, Cost, Function, Sig, function, global, member};
use crate::EvalError;
use crate::eval::Run;
use crate::types::Opaque;
use crate::value::{Value, parse_duration, parse_timestamp, print_timestamp, type_of};

const S: Sig = Sig::String;

pub(super) static TABLE: &[Function] = &[
    function("type", Cost::One, &[global(&[Sig::A], Sig::Type)], |_, args| {
        Ok(Value::Type(type_of(&args[0]).into()))
    }),
    function("dyn", Cost::One, &[global(&[Sig::A], Sig::Dyn)], |_, args| Ok(args[0].clone())),
    function(
        "int",
        Cost::One,
        &[
            global(&[Sig::Int], Sig::Int),
            global(&[Sig::Uint], Sig::Int),
            global(&[Sig::Double], Sig::Int),
            global(&[S], Sig::Int),
            global(&[Sig::Timestamp], Sig::Int),
            global(&[Sig::Duration], Sig::Int),
        ],
        int,
    ),
    function(
        "uint",
        Cost::One,
        &[
            global(&[Sig::Uint], Sig::Uint),
            global(&[Sig::Int], Sig::Uint),
            global(&[Sig::Double], Sig::Uint),
            global(&[S], Sig::Uint),
        ],
        uint,
    ),
    function(
        "double",
        Cost::One,
        &[
            global(&[Sig::Double], Sig::Double),
            global(&[Sig::Int], Sig::Double),
            global(&[Sig::Uint], Sig::Double),
            global(&[S], Sig::Double),
        ],
        double,
    ),
    function("bool", Cost::One, &[global(&[Sig::Bool], Sig::Bool), global(&[S], Sig::Bool)], bool),
    function(
        "bytes",
        Cost::Traverse,
        &[global(&[Sig::Bytes], Sig::Bytes), global(&[S], Sig::Bytes)],
        |_, args| match &args[0] {
            Value::String(text) => Ok(Value::Bytes(text.as_bytes().into())),
            Value::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
            other => Err(conversion(other, "bytes")),
        },
    ),
    function(
        "string",
        Cost::One,
        &[
            global(&[S], S),
            global(&[Sig::Bool], S),
            global(&[Sig::Int], S),
            global(&[Sig::Uint], S),
            global(&[Sig::Double], S),
            global(&[Sig::Bytes], S),
            global(&[Sig::Timestamp], S),
            global(&[Sig::Duration], S),
            global(&[Sig::Opaque(Opaque::Ip)], S),
            global(&[Sig::Opaque(Opaque::Cidr)], S),
        ],
        string,
    ),
    function(
        "duration",
        Cost::Traverse,
        &[
            global(&[S], Sig::Duration),
            global(&[Sig::Duration], Sig::Duration),
            global(&[Sig::Int], Sig::Duration),
        ],
        |_, args| match &args[0] {
            Value::Duration(span) => Ok(Value::Duration(*span)),
            Value::String(text) => parse_duration(text)
                .map(Value::Duration)
                .ok_or_else(|| conversion(&args[0], "google.protobuf.Duration")),
            other => Err(conversion(other, "google.protobuf.Duration")),
        },
    ),
    function(
        "timestamp",
        Cost::Traverse,
        &[
            global(&[S], Sig::Timestamp),
            global(&[Sig::Timestamp], Sig::Timestamp),
            global(&[Sig::Int], Sig::Timestamp),
        ],
        |_, args| {
            let time = match &args[0] {
                Value::Timestamp(time) => Some(*time),
                Value::String(text) => parse_timestamp(text),
                Value::Int(seconds) => jiff::Timestamp::from_second(*seconds).ok(),
                _ => None,
            };
            time.map(Value::Timestamp)
                .ok_or_else(|| conversion(&args[0], "google.protobuf.Timestamp"))
        },
    ),
    function(
        "size",
        Cost::One,
        &[
            global(&[S], Sig::Int),
            global(&[Sig::Bytes], Sig::Int),
            global(&[Sig::List(&Sig::A)], Sig::Int),
            global(&[Sig::Map(&Sig::A, &Sig::B)], Sig::Int),
            member(&[S], Sig::Int),
            member(&[Sig::Bytes], Sig::Int),
            member(&[Sig::List(&Sig::A)], Sig::Int),
            member(&[Sig::Map(&Sig::A, &Sig::B)], Sig::Int),
        ],
        size,
    ),
];

fn conversion(value: &Value<'_>, to: &str) -> EvalError {
    let from = type_of(value);
    EvalError::Undefined(format!("type conversion error from '{}' to '{to}'", from.name()))
}

fn overflow() -> EvalError {
    EvalError::undefined("integer overflow")
}

fn int<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let value = match &args[0] {
        Value::Int(value) => *value,
        Value::Uint(value) => i64::try_from(*value).map_err(|_| overflow())?,
        // What is just below 2^63 rounds up to it.
        Value::Double(value) if value.abs() < 9.223_372_036_854_776e18 => *value as i64,
        Value::Double(_) => return Err(overflow()),
        Value::String(text) => text.parse().map_err(|_| conversion(&args[0], "int"))?,
        Value::Timestamp(time) => time.as_second(),
        Value::Duration(span) => span.0,
        other => return Err(conversion(other, "int")),
    };
    Ok(Value::Int(value))
}

fn uint<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let value = match &args[0] {
        Value::Uint(value) => *value,
        Value::Int(value) => u64::try_from(*value).map_err(|_| overflow())?,
        Value::Double(value) if (0.0..1.844_674_407_370_955e19).contains(value) => *value as u64,
        Value::Double(_) => return Err(overflow()),
        Value::String(text) => text.parse().map_err(|_| conversion(&args[0], "uint"))?,
        other => return Err(conversion(other, "uint")),
    };
    Ok(Value::Uint(value))
}

fn double<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let value = match &args[0] {
        Value::Double(value) => *value,
        Value::Int(value) => *value as f64,
        Value::Uint(value) => *value as f64,
        Value::String(text) => text.parse().map_err(|_| conversion(&args[0], "double"))?,
        other => return Err(conversion(other, "double")),
    };
    Ok(Value::Double(value))
}

fn bool<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    match &args[0] {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        Value::String(text) => match &**text {
            "true" | "TRUE" | "True" | "t" | "1" => Ok(Value::Bool(true)),
            "false" | "FALSE" | "False" | "f" | "0" => Ok(Value::Bool(false)),
            _ => Err(conversion(&args[0], "bool")),
        },
        other => Err(conversion(other, "bool")),
    }
}

fn string<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    Ok(match &args[0] {
        Value::String(text) => Value::String(text.clone()),
        Value::Bool(value) => Value::text(value.to_string()),
        Value::Int(value) => Value::text(value.to_string()),
        Value::Uint(value) => Value::text(value.to_string()),
        Value::Double(value) => Value::text(shortest(*value)),
        Value::Bytes(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|_| {
                EvalError::undefined("invalid UTF-8 in bytes, cannot convert to string")
            })?;
            Value::text(text)
        }
        Value::Timestamp(time) => Value::text(print_timestamp(*time)),
        Value::Duration(span) => Value::text(span.to_string()),
        Value::Ip(ip) => Value::text(ip.to_string()),
        Value::Cidr(range) => Value::text(range.to_string()),
        other => return Err(conversion(other, "string")),
    })
}

/// The fewest digits that read back as the number, with an exponent where that is long.
pub(super) fn shortest(value: f64) -> String {
    if value.is_nan() {
        return String::from("NaN");
    }
    if value.is_infinite() {
        return String::from(if value > 0.0 { "+Inf" } else { "-Inf" });
    }
    let exponent = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    if (-4.0..21.0).contains(&exponent) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, number) = match exponent.strip_prefix('-') {
        Some(number) => ('-', number),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{number:0>2}")
}

fn size<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let size = match &args[0] {
        Value::String(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => return Err(EvalError::overload()),
    };
    Ok(Value::Int(size as i64))
}
