//! Typed objects from trees, without a copy of the tree.
//!
//! The reader sees the tree as a client would be sent it, `metadata.resourceVersion` put in, but
//! without `metadata.managedFields`: see [`Item::typed`](super::Item::typed).

use serde::de::value::MapDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Error;

use crate::Json;
use crate::object::{Map, Object};
use crate::store::Revision;

/// The field that is for servers.
const MANAGED: &str = "managedFields";

/// The field that the store keeps apart.
const REVISION: &str = "resourceVersion";

/// The typed form of `object` as written by `revision`.
pub(super) fn decode<K: DeserializeOwned>(object: &Object, revision: Revision) -> Result<K, Error> {
    let revision = if revision.is_zero() { String::new() } else { revision.to_string() };
    K::deserialize(Whole { map: object.as_map(), revision: &revision })
}

/// The object itself.
struct Whole<'a> {
    map: &'a Map,
    revision: &'a str,
}

impl<'de> Deserializer<'de> for Whole<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { fields: self.map.iter(), value: None, revision: self.revision })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// The fields of the object, one after the other.
struct Fields<'a> {
    fields: serde_json::map::Iter<'a>,
    value: Option<(bool, &'a Json)>,
    revision: &'a str,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some((key, value)) = self.fields.next() else { return Ok(None) };
        self.value = Some((key == "metadata", value));
        seed.deserialize(key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        match self.value.take().expect("a value is asked for after its key") {
            (true, Json::Object(map)) => seed.deserialize(Meta { map, revision: self.revision }),
            (_, value) => seed.deserialize(value),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.fields.len())
    }
}

/// The metadata.
struct Meta<'a> {
    map: &'a Map,
    revision: &'a str,
}

impl<'de> Deserializer<'de> for Meta<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let stored = self.map.iter().filter(|(key, _)| *key != MANAGED && *key != REVISION);
        let stored = stored.map(|(key, value)| (key.as_str(), MetaValue::Stored(value)));
        let revision = Some((REVISION, MetaValue::Revision(self.revision)));
        let fields = stored.chain(revision.filter(|_| !self.revision.is_empty()));
        visitor.visit_map(MapDeserializer::new(fields))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A value of the metadata.
enum MetaValue<'a> {
    Stored(&'a Json),
    Revision(&'a str),
}

impl<'de> IntoDeserializer<'de, Error> for MetaValue<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for MetaValue<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Stored(value) => value.deserialize_any(visitor),
            Self::Revision(text) => visitor.visit_borrowed_str(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Stored(value) => value.deserialize_option(visitor),
            Self::Revision(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Stored(value) => value.deserialize_newtype_struct(name, visitor),
            Self::Revision(_) => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Stored(value) => value.deserialize_enum(name, variants, visitor),
            Self::Revision(text) => IntoDeserializer::<Error>::into_deserializer(text)
                .deserialize_enum(name, variants, visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
