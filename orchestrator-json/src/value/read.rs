//! Values out of any reader, and readers of values.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::Value;
use crate::{Error, Number, map};

/// How many items room is made for on the word of a reader.
const MAX_ROOM: usize = 64;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

/// Makes a tree of whatever comes.
struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_i128<E: serde::de::Error>(self, number: i128) -> Result<Value, E> {
        let number = Number::from_i128(number).ok_or_else(|| E::custom("number out of range"))?;
        Ok(Value::Number(number))
    }

    fn visit_u128<E: serde::de::Error>(self, number: u128) -> Result<Value, E> {
        let number = Number::from_u128(number).ok_or_else(|| E::custom("number out of range"))?;
        Ok(Value::Number(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let room = access.size_hint().unwrap_or_default().min(MAX_ROOM);
        let mut items = Vec::with_capacity(room);
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        map::read(access).map(Value::Object)
    }
}

impl Value {
    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Null => Unexpected::Unit,
            Self::Bool(flag) => Unexpected::Bool(*flag),
            Self::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => Unexpected::Unsigned(number),
                (None, Some(number)) => Unexpected::Signed(number),
                (None, None) => Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Self::String(text) => Unexpected::Str(text),
            Self::Array(_) => Unexpected::Seq,
            Self::Object(_) => Unexpected::Map,
        }
    }

    fn mismatch(&self, wanted: &dyn Expected) -> Error {
        Error::invalid_type(self.unexpected(), wanted)
    }
}

impl<'de> IntoDeserializer<'de, Error> for &'de Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A tree is read without being copied.
impl<'de> Deserializer<'de> for &'de Value {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => number.deserialize_any(visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => {
                let mut access = SeqDeserializer::new(items.iter());
                let read = visitor.visit_seq(&mut access)?;
                access.end().map(|()| read)
            }
            Value::Object(map) => {
                let entries = map.iter().map(|(key, value)| (key.as_str(), value));
                let mut access = MapDeserializer::new(entries);
                let read = visitor.visit_map(&mut access)?;
                access.end().map(|()| read)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Value::String(name) => visitor.visit_enum(Variant { name, value: None }),
            Value::Object(map) if map.len() == 1 => {
                let (name, value) = map.iter().next().expect("there is one");
                visitor.visit_enum(Variant { name, value: Some(value) })
            }
            other => Err(other.mismatch(&"string or map")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

/// A variant of an enum: its name, and what it holds.
struct Variant<'de> {
    name: &'de str,
    value: Option<&'de Value>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let name: StrDeserializer<'de, Error> = self.name.into_deserializer();
        seed.deserialize(name).map(|name| (name, self))
    }
}

impl<'de> Variant<'de> {
    fn held(self, wanted: &dyn Expected) -> Result<&'de Value, Error> {
        self.value.ok_or_else(|| Error::invalid_type(Unexpected::UnitVariant, wanted))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.value {
            None | Some(Value::Null) => Ok(()),
            Some(other) => Err(other.mismatch(&"unit variant")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.held(&"newtype variant")?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.held(&"tuple variant")?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.held(&"struct variant")?.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use crate::{Value, from_str, from_value, json};

    #[derive(Debug, PartialEq, Deserialize)]
    enum Any {
        Unit,
        New(u8),
        Pair(u8, String),
        Named { a: Option<bool> },
    }

    #[test]
    fn types_read_from_trees_as_from_text() {
        let all = json!(["Unit", {"New": 1}, {"Pair": [2, "x"]}, {"Named": {"a": true}}]);
        let read: Vec<Any> = from_value(all.clone()).unwrap();
        assert_eq!(read, from_str::<Vec<Any>>(&all.to_string()).unwrap());
        assert_eq!(read[3], Any::Named { a: Some(true) });
        let numbers = json!({"a": 1, "b": null, "c": -2.5});
        let read: BTreeMap<String, Option<f64>> = from_value(numbers).unwrap();
        assert_eq!((read["a"], read["b"], read["c"]), (Some(1.0), None, Some(-2.5)));
    }

    #[test]
    fn a_mismatch_reads_as_that_of_text() {
        for bad in [json!("x"), json!([1]), json!({"New": "x"}), json!(null), json!({"Unit": 1})] {
            assert!(from_value::<Any>(bad).is_err());
        }
        let error = from_value::<u8>(json!("x")).unwrap_err().to_string();
        assert_eq!(error, "invalid type: string \"x\", expected u8");
        let error = from_value::<u8>(json!(300)).unwrap_err().to_string();
        assert_eq!(error, "invalid value: integer `300`, expected u8");
    }

    #[test]
    fn a_tree_reads_from_text_and_writes_the_same() {
        let text = r#"{"a":[1,-1,1.5,"é\n\u0001",null,true],"b":{},"c":[]}"#;
        let tree: Value = from_str(text).unwrap();
        assert_eq!(tree.to_string(), text);
        assert_eq!(crate::to_string(&tree).unwrap(), text);
        let foreign: crate::foreign::Value = tree.clone().into();
        assert_eq!(foreign.to_string(), text);
        assert_eq!(Value::from(foreign), tree);
    }
}
