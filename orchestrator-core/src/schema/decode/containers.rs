//! The inside of lists, maps and structs: each reads its parts one level further down.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::context::{Context, Step};
use super::node::{Node, Shape};
use super::omit;
use crate::Json;
use crate::object::{Key, Map};
use crate::schema::{Definition, Flavour, Type};

pub(super) fn read_list<'de, 's, A: SeqAccess<'de>>(
    cx: &mut Context<'s>,
    items: &'s Type,
    lenient: bool,
    mut seq: A,
) -> Result<Json, A::Error> {
    let mut list = Vec::new();
    let shape = Shape::of(cx.schema, items);
    loop {
        cx.push(Step::Index(list.len()));
        let item = seq.next_element_seed(Node::lenient(&mut *cx, shape, lenient))?;
        cx.pop();
        match item {
            None => return Ok(Json::Array(list)),
            Some(Json::Null) if !lenient => list.push(omit::zero(items)),
            Some(item) => list.push(item),
        }
    }
}

pub(super) fn read_free_list<'de, A: SeqAccess<'de>>(
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

pub(super) fn read_free_map<'de, A: MapAccess<'de>>(
    cx: &mut Context<'_>,
    raw: bool,
    mut access: A,
) -> Result<Json, A::Error> {
    let shape = if raw { Shape::Raw } else { Shape::Free };
    let mut map = Map::new();
    while let Some(key) = access.next_key::<Key>()? {
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

pub(super) fn read_map<'de, 's, A: MapAccess<'de>>(
    cx: &mut Context<'s>,
    values: &'s Type,
    lenient: bool,
    mut access: A,
) -> Result<Json, A::Error> {
    let shape = Shape::of(cx.schema, values);
    let mut map = Map::new();
    while let Some(key) = access.next_key::<Key>()? {
        if map.contains_key(&key) {
            cx.report_duplicate(&key);
        }
        cx.push_key(&key);
        let value = access.next_value_seed(Node::lenient(&mut *cx, shape, lenient))?;
        cx.pop();
        let value = if value.is_null() && !lenient { omit::zero(values) } else { value };
        map.insert(key, value);
    }
    Ok(Json::Object(map))
}

pub(super) fn read_struct<'de, 's, A: MapAccess<'de>>(
    cx: &mut Context<'s>,
    definition: &'s Definition,
    mut access: A,
) -> Result<Json, A::Error> {
    let mut map = Map::new();
    let mut seen = Seen::default();
    let lenient = definition.flavour == Flavour::Structural;
    while let Some(key) = access.next_key_seed(Name)? {
        let Some(place) = definition.field_place(&key) else {
            read_undeclared(cx, definition, key.into(), &mut map, &mut access)?;
            continue;
        };
        let field = &definition.fields[place];
        if seen.insert(place) {
            cx.report_duplicate(&key);
        }
        cx.push(Step::Field(definition, &field.name));
        let shape = Shape::of(cx.schema, &field.ty);
        let value = access.next_value_seed(Node::lenient(&mut *cx, shape, lenient))?;
        cx.pop();
        let value = match map.remove(&key) {
            Some(mut earlier) => {
                omit::merge(&mut earlier, value);
                earlier
            }
            None => value,
        };
        if !omit::omits(definition, field, &value) {
            map.insert(key.into(), value);
        }
    }
    Ok(Json::Object(map))
}

/// Reads a field that the struct does not declare: kept where the struct is open.
fn read_undeclared<'de, A: MapAccess<'de>>(
    cx: &mut Context<'_>,
    definition: &Definition,
    key: Key,
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

/// A name, borrowed from the body where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
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
