//! One value of the walk: a serde visitor that knows what should stand there.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::containers;
use super::context::{Context, DecodeError};
use crate::Json;
use crate::schema::{Definition, List, Mapping, Scalar, Schema, Type};

/// What should stand at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape<'s> {
    Struct(&'s Definition),
    List(&'s List),
    Map(&'s Mapping),
    Scalar(Scalar),
    /// Anything, with duplicate fields reported.
    Free,
    /// Anything, kept as it is.
    Raw,
}

impl<'s> Shape<'s> {
    pub(super) fn of(schema: &'s Schema, ty: &'s Type) -> Self {
        match ty {
            Type::List(list) => Self::List(list),
            Type::Map(map) => Self::Map(map),
            Type::Scalar(scalar) => Self::scalar(*scalar),
            Type::Ref(id, _) => {
                let definition = schema.get(*id);
                definition.alias.map_or(Self::Struct(definition), Self::scalar)
            }
        }
    }

    fn scalar(scalar: Scalar) -> Self {
        if scalar.is_free() { Self::Raw } else { Self::Scalar(scalar) }
    }

    /// The type's name in Go.
    fn go_name(self, schema: &'s Schema) -> String {
        match self {
            Self::Struct(definition) => definition.go_name().into(),
            Self::List(list) => format!("[]{}", Self::of(schema, &list.items).go_name(schema)),
            Self::Map(map) => {
                format!("map[string]{}", Self::of(schema, &map.values).go_name(schema))
            }
            Self::Scalar(scalar) => scalar.go_name().into(),
            Self::Free | Self::Raw => "interface {}".into(),
        }
    }
}

/// A value of the walk.
pub(super) struct Node<'s, 'c> {
    cx: &'c mut Context<'s>,
    shape: Shape<'s>,
    /// Whether a value of the wrong type is let pass, to be found by validation.
    lenient: bool,
}

impl<'s, 'c> Node<'s, 'c> {
    pub(super) fn new(cx: &'c mut Context<'s>, shape: Shape<'s>) -> Self {
        Self { cx, shape, lenient: false }
    }

    pub(super) fn lenient(cx: &'c mut Context<'s>, shape: Shape<'s>, lenient: bool) -> Self {
        Self { cx, shape, lenient }
    }

    fn is_free(&self) -> bool {
        self.lenient || matches!(self.shape, Shape::Free | Shape::Raw)
    }

    fn fail<E: Error>(self, error: DecodeError) -> E {
        self.cx.fail(error);
        E::custom("see the context")
    }

    /// The error of a value that has the wrong type.
    fn mismatch<E: Error>(self, found: impl Into<String>) -> E {
        let (place, wanted) = (self.cx.place(), self.shape.go_name(self.cx.schema));
        self.fail(DecodeError::Type { found: found.into(), place, wanted })
    }

    /// Decodes what `read` reads one level further down.
    fn nested<E: Error>(
        self,
        read: impl FnOnce(&mut Context<'s>) -> Result<Json, E>,
    ) -> Result<Json, E> {
        if let Err(error) = self.cx.enter() {
            return Err(self.fail(error));
        }
        let value = read(self.cx)?;
        self.cx.leave();
        Ok(value)
    }

    fn visit_whole<E: Error>(self, number: serde_json::Number) -> Result<Json, E> {
        match self.shape {
            _ if self.is_free() => Ok(Json::Number(number)),
            Shape::Scalar(Scalar::Int64) if number.is_i64() => Ok(Json::Number(number)),
            Shape::Scalar(Scalar::Int | Scalar::IntOrString)
                if number.as_i64().is_some_and(|value| i32::try_from(value).is_ok()) =>
            {
                Ok(Json::Number(number))
            }
            Shape::Scalar(Scalar::Number) => Ok(Json::Number(number)),
            Shape::Scalar(Scalar::Quantity) => self.visit_text(&number.to_string()),
            Shape::Scalar(Scalar::Int | Scalar::Int64 | Scalar::IntOrString) => {
                Err(self.mismatch(format!("number {number}")))
            }
            _ => Err(self.mismatch("number")),
        }
    }

    fn visit_text<E: Error>(self, text: &str) -> Result<Json, E> {
        match self.shape {
            _ if self.is_free() => Ok(Json::String(text.into())),
            Shape::Scalar(Scalar::Time | Scalar::MicroTime) if text.is_empty() => Ok(Json::Null),
            Shape::Scalar(
                scalar @ (Scalar::Quantity | Scalar::Time | Scalar::MicroTime | Scalar::Bytes),
            ) => match scalar.canonical(text) {
                Ok(canonical) => Ok(Json::String(canonical.unwrap_or_else(|| text.into()))),
                Err(error) => Err(self.fail(error.into())),
            },
            Shape::Scalar(Scalar::String | Scalar::IntOrString) => Ok(Json::String(text.into())),
            _ => Err(self.mismatch("string")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        match self.shape {
            Shape::Scalar(Scalar::Bool) => Ok(Json::Bool(value)),
            _ if self.is_free() => Ok(Json::Bool(value)),
            _ => Err(self.mismatch("bool")),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        self.visit_whole(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        self.visit_whole(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        match self.shape {
            Shape::Scalar(Scalar::Number) => Ok(value.into()),
            _ if self.is_free() => Ok(value.into()),
            Shape::Scalar(Scalar::Quantity) => self.visit_text(&value.to_string()),
            Shape::Scalar(Scalar::Int | Scalar::Int64 | Scalar::IntOrString) => {
                Err(self.mismatch(format!("number {value}")))
            }
            _ => Err(self.mismatch("number")),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        self.visit_text(text)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Json, E> {
        match self.shape {
            Shape::Scalar(Scalar::String) => Ok(Json::String(text)),
            _ if self.is_free() => Ok(Json::String(text)),
            _ => self.visit_text(&text),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Json, A::Error> {
        let lenient = self.lenient;
        match self.shape {
            Shape::List(list) => {
                self.nested(|cx| containers::read_list(cx, &list.items, lenient, seq))
            }
            _ if self.is_free() => {
                // Nothing is known of the items, so they are as free as the list.
                let raw = matches!(self.shape, Shape::Raw);
                self.nested(|cx| containers::read_free_list(cx, raw, seq))
            }
            _ => Err(self.mismatch("array")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Json, A::Error> {
        let lenient = self.lenient;
        match self.shape {
            Shape::Struct(definition) => {
                self.nested(|cx| containers::read_struct(cx, definition, map))
            }
            Shape::Map(mapping) => {
                self.nested(|cx| containers::read_map(cx, &mapping.values, lenient, map))
            }
            _ if self.is_free() => {
                let raw = matches!(self.shape, Shape::Raw);
                self.nested(|cx| containers::read_free_map(cx, raw, map))
            }
            _ => Err(self.mismatch("object")),
        }
    }
}
