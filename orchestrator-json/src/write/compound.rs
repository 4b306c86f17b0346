//! Lists and maps in the making.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::{Tree, key, tagged};
use crate::{Error, Key, Map, Value};

/// How many parts room is made for on the word of a type.
const MAX_ROOM: usize = 1024;

/// A list, which may be what a variant of an enum holds.
pub(crate) struct Items {
    items: Vec<Value>,
    variant: Option<&'static str>,
}

/// A map, likewise.
pub(crate) struct Fields {
    map: Map,
    /// The key whose value comes next.
    key: Option<Key>,
    variant: Option<&'static str>,
}

impl Items {
    pub(super) fn new(length: usize, variant: Option<&'static str>) -> Self {
        Self { items: Vec::with_capacity(length.min(MAX_ROOM)), variant }
    }

    fn add<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        self.items.push(item.serialize(Tree)?);
        Ok(())
    }

    fn finish(self) -> Value {
        let list = Value::Array(self.items);
        match self.variant {
            Some(variant) => tagged(variant, list),
            None => list,
        }
    }
}

impl Fields {
    pub(super) fn new(length: usize, variant: Option<&'static str>) -> Self {
        Self { map: Map::with_capacity(length), key: None, variant }
    }

    #[inline]
    fn add<T: Serialize + ?Sized>(&mut self, key: Key, value: &T) -> Result<(), Error> {
        let value = value.serialize(Tree)?;
        self.map.insert(key, value);
        Ok(())
    }

    fn finish(self) -> Value {
        let map = Value::Object(self.map);
        match self.variant {
            Some(variant) => tagged(variant, map),
            None => map,
        }
    }
}

macro_rules! list {
    ($($kind:ident, $method:ident;)*) => {$(
        impl $kind for Items {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
                self.add(item)
            }

            fn end(self) -> Result<Value, Error> {
                Ok(self.finish())
            }
        }
    )*};
}

list! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
    SerializeTupleVariant, serialize_field;
}

macro_rules! map {
    ($($kind:ident;)*) => {$(
        impl $kind for Fields {
            type Ok = Value;
            type Error = Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.add(Key::new(key), value)
            }

            fn end(self) -> Result<Value, Error> {
                Ok(self.finish())
            }
        }
    )*};
}

map! {
    SerializeStruct;
    SerializeStructVariant;
}

impl SerializeMap for Fields {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = Some(key.serialize(key::Name)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = self.key.take().expect("a value comes after its key");
        self.add(key, value)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(self.finish())
    }
}
