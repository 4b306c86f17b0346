//! A value that is looked at: the root of an object has no tree of its own.

use orchestrator_core::Json;
use orchestrator_core::object::Map;

use crate::schema::Type;

/// The largest whole number that a float can hold without doubt.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// A value by reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum View<'a> {
    Null,
    Bool(bool),
    Number(&'a serde_json::Number),
    Text(&'a str),
    List(&'a [Json]),
    Map(&'a Map),
}

impl<'a> View<'a> {
    pub(super) fn of(value: &'a Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(set) => Self::Bool(*set),
            Json::Number(number) => Self::Number(number),
            Json::String(text) => Self::Text(text),
            Json::Array(items) => Self::List(items),
            Json::Object(map) => Self::Map(map),
        }
    }

    pub(super) fn to_json(self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(set) => Json::Bool(set),
            Self::Number(number) => Json::Number(number.clone()),
            Self::Text(text) => Json::from(text),
            Self::List(items) => Json::Array(items.to_vec()),
            Self::Map(map) => Json::Object(map.clone()),
        }
    }

    /// Whether the two are equal, where a number may be written in two ways.
    pub(super) fn equals(self, other: Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            _ => self == other,
        }
    }

    /// The word for what it is.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(number) if number.is_f64() => "number",
            Self::Number(_) => "integer",
            Self::Text(_) => "string",
            Self::List(_) => "array",
            Self::Map(_) => "object",
        }
    }

    /// Whether it is of the type `ty`.
    pub(super) fn is(self, ty: Type) -> bool {
        match (ty, self) {
            (Type::Integer, Self::Number(number)) => is_whole(number),
            (Type::Array, Self::List(_))
            | (Type::Boolean, Self::Bool(_))
            | (Type::Number, Self::Number(_))
            | (Type::Object, Self::Map(_))
            | (Type::String, Self::Text(_)) => true,
            _ => false,
        }
    }

    /// The field `name`.
    pub(super) fn get(self, name: &str) -> Option<View<'a>> {
        match self {
            Self::Map(map) => map.get(name).map(View::of),
            _ => None,
        }
    }
}

/// Whether the number is whole, however it is written.
pub(super) fn is_whole(number: &serde_json::Number) -> bool {
    match number.as_f64() {
        _ if number.is_i64() => true,
        Some(float) => float.fract() == 0.0 && float.abs() <= MAX_SAFE,
        None => false,
    }
}
