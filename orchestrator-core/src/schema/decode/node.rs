//! One value of the walk: a serde visitor that knows what should stand there.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::context::{Context, DecodeError, Step};
use super::omit;
use crate::Json;
use crate::object::Map;
use crate::schema::{Definition, Flavour, List, Mapping, Scalar, Schema, Type};

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
    fn of(schema: &'s Schema, ty: &'s Type) -> Self {
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
            Shape::List(list) => self.nested(|cx| read_list(cx, &list.items, lenient, seq)),
            _ if self.is_free() => {
                // Nothing is known of the items, so they are as free as the list.
                let raw = matches!(self.shape, Shape::Raw);
                self.nested(|cx| read_free_list(cx, raw, seq))
            }
            _ => Err(self.mismatch("array")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Json, A::Error> {
        let lenient = self.lenient;
        match self.shape {
            Shape::Struct(definition) => self.nested(|cx| read_struct(cx, definition, map)),
            Shape::Map(mapping) => self.nested(|cx| read_map(cx, &mapping.values, lenient, map)),
            _ if self.is_free() => {
                let raw = matches!(self.shape, Shape::Raw);
                self.nested(|cx| read_free_map(cx, raw, map))
            }
            _ => Err(self.mismatch("object")),
        }
    }
}

fn read_list<'de, 's, A: SeqAccess<'de>>(
    cx: &mut Context<'s>,
    items: &'s Type,
    lenient: bool,
    mut seq: A,
) -> Result<Json, A::Error> {
    let mut list = Vec::new();
    let shape = Shape::of(cx.schema, items);
    loop {
        cx.push(Step::Index(list.len()));
        let item = seq.next_element_seed(Node { cx: &mut *cx, shape, lenient })?;
        cx.pop();
        match item {
            None => return Ok(Json::Array(list)),
            Some(Json::Null) if !lenient => list.push(omit::zero(items)),
            Some(item) => list.push(item),
        }
    }
}

fn read_free_list<'de, A: SeqAccess<'de>>(
    cx: &mut Context<'_>,
    raw: bool,
    mut seq: A,
) -> Result<Json, A::Error> {
    let shape = if raw { Shape::Raw } else { Shape::Free };
    let mut list = Vec::new();
    loop {
        cx.push(Step::Index(list.len()));
        let item = seq.next_element_seed(Node::new(&mut *cx, shape))?;
        cx.pop();
        match item {
            None => return Ok(Json::Array(list)),
            Some(item) => list.push(item),
        }
    }
}

fn read_free_map<'de, A: MapAccess<'de>>(
    cx: &mut Context<'_>,
    raw: bool,
    mut access: A,
) -> Result<Json, A::Error> {
    let shape = if raw { Shape::Raw } else { Shape::Free };
    let mut map = Map::new();
    while let Some(key) = access.next_key::<String>()? {
        cx.push_key(&key);
        let value = access.next_value_seed(Node::new(&mut *cx, shape))?;
        cx.pop();
        if !raw && map.contains_key(&key) {
            cx.report_duplicate(&key);
        }
        map.insert(key, value);
    }
    Ok(Json::Object(map))
}

fn read_map<'de, 's, A: MapAccess<'de>>(
    cx: &mut Context<'s>,
    values: &'s Type,
    lenient: bool,
    mut access: A,
) -> Result<Json, A::Error> {
    let shape = Shape::of(cx.schema, values);
    let mut map = Map::new();
    while let Some(key) = access.next_key::<String>()? {
        if map.contains_key(&key) {
            cx.report_duplicate(&key);
        }
        cx.push_key(&key);
        let value = access.next_value_seed(Node { cx: &mut *cx, shape, lenient })?;
        cx.pop();
        let value = if value.is_null() && !lenient { omit::zero(values) } else { value };
        map.insert(key, value);
    }
    Ok(Json::Object(map))
}

fn read_struct<'de, 's, A: MapAccess<'de>>(
    cx: &mut Context<'s>,
    definition: &'s Definition,
    mut access: A,
) -> Result<Json, A::Error> {
    let mut map = Map::new();
    let mut seen = Seen::default();
    let lenient = definition.flavour == Flavour::Structural;
    while let Some(key) = access.next_key_seed(Key)? {
        let Some(place) = definition.field_place(&key) else {
            read_undeclared(cx, definition, key.into_owned(), &mut map, &mut access)?;
            continue;
        };
        let field = &definition.fields[place];
        let again = seen.insert(place);
        if again {
            cx.report_duplicate(&key);
        }
        cx.push(Step::Field(definition, &field.name));
        let shape = Shape::of(cx.schema, &field.ty);
        let value = access.next_value_seed(Node { cx: &mut *cx, shape, lenient })?;
        cx.pop();
        match map.get_mut(&*key) {
            Some(earlier) if again => omit::merge(earlier, value),
            _ if omit::omits(definition, field, &value) => {}
            _ => {
                map.insert(key.into_owned(), value);
            }
        }
    }
    Ok(Json::Object(map))
}

/// Reads a field that the struct does not declare: kept where the struct is open.
fn read_undeclared<'de, A: MapAccess<'de>>(
    cx: &mut Context<'_>,
    definition: &Definition,
    key: String,
    map: &mut Map,
    access: &mut A,
) -> Result<(), A::Error> {
    if !definition.open {
        cx.report_unknown(&key, definition.flavour == Flavour::Structural);
    }
    cx.push_key(&key);
    let shape = if definition.open { Shape::Free } else { Shape::Raw };
    let value = access.next_value_seed(Node::new(&mut *cx, shape))?;
    cx.pop();
    if definition.open {
        if map.contains_key(&key) {
            cx.report_duplicate(&key);
        }
        map.insert(key, value);
    }
    Ok(())
}

/// The fields of a struct that were there already.
#[derive(Default)]
struct Seen([u64; 4]);

impl Seen {
    /// Notes a field; whether it was there before. Beyond 256 fields nothing is noted.
    fn insert(&mut self, place: usize) -> bool {
        let Some(word) = self.0.get_mut(place / 64) else { return false };
        let bit = 1 << (place % 64);
        let again = *word & bit != 0;
        *word |= bit;
        again
    }
}

/// A key, borrowed from the body where it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.into()))
    }

    fn visit_string<E: Error>(self, key: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key))
    }
}
