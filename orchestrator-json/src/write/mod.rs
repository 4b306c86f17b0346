//! Trees of typed values.
//!
//! A type hands over its fields one after the other, mostly in the order of their names, so a map
//! is made by appending.

mod compound;
mod key;

use serde::{Serialize, Serializer};

use crate::{Error, Key, Map, Number, Value};

use compound::{Fields, Items};

/// The tree of `value`.
///
/// # Errors
/// The type's own; a map key that is no text, number or truth value.
pub fn to_value<T: Serialize>(value: T) -> Result<Value, Error> {
    value.serialize(Tree)
}

/// A map with one entry: how a variant of an enum that holds something is written.
fn tagged(variant: &'static str, value: Value) -> Value {
    let mut map = Map::with_capacity(1);
    map.insert(Key::new(variant), value);
    Value::Object(map)
}

/// Makes a tree of whatever comes.
pub(crate) struct Tree;

macro_rules! plain {
    ($($method:ident($ty:ty)),*) => {$(
        #[inline]
        fn $method(self, value: $ty) -> Result<Value, Error> {
            Ok(Value::from(value))
        }
    )*};
}

impl Serializer for Tree {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    plain! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32),
        serialize_i64(i64), serialize_u8(u8), serialize_u16(u16), serialize_u32(u32),
        serialize_u64(u64), serialize_f32(f32), serialize_f64(f64), serialize_str(&str)
    }

    fn serialize_i128(self, number: i128) -> Result<Value, Error> {
        Ok(Number::from_i128(number).map_or(Value::Null, Value::Number))
    }

    fn serialize_u128(self, number: u128) -> Result<Value, Error> {
        Ok(Number::from_u128(number).map_or(Value::Null, Value::Number))
    }

    fn serialize_char(self, letter: char) -> Result<Value, Error> {
        Ok(Value::String(letter.into()))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Error> {
        Ok(bytes.into())
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Value, Error> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(tagged(variant, value.serialize(self)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Error> {
        Ok(Items::new(length.unwrap_or_default(), None))
    }

    fn serialize_tuple(self, length: usize) -> Result<Items, Error> {
        Ok(Items::new(length, None))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<Items, Error> {
        Ok(Items::new(length, None))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items, Error> {
        Ok(Items::new(length, Some(variant)))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Fields, Error> {
        Ok(Fields::new(length.unwrap_or_default(), None))
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<Fields, Error> {
        Ok(Fields::new(length, None))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Fields, Error> {
        Ok(Fields::new(length, Some(variant)))
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<Value, Error> {
        Ok(Value::String(value.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::to_value;

    #[derive(Serialize)]
    enum Any {
        Unit,
        New(u8),
        Pair(u8, char),
        Named { b: Option<bool>, a: f32 },
    }

    #[derive(Serialize)]
    struct Wrapped(Vec<Any>);

    #[test]
    fn types_become_the_trees_of_their_text() {
        let all = Wrapped(vec![
            Any::Unit,
            Any::New(1),
            Any::Pair(2, 'é'),
            Any::Named { b: None, a: 1.5 },
        ]);
        let tree = to_value(&all).unwrap();
        let text = serde_json::to_value(&all).unwrap().to_string();
        assert_eq!(tree.to_string(), text);
        let numbers = BTreeMap::from([(10_u8, (1_i64, "x")), (9, (-1, ""))]);
        assert_eq!(to_value(&numbers).unwrap().to_string(), r#"{"10":[1,"x"],"9":[-1,""]}"#);
        assert!(to_value(BTreeMap::from([(vec![1], 1)])).is_err());
    }
}
