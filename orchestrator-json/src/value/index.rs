//! Items and fields by number and name.

use std::ops;

use super::Value;
use crate::Map;
use crate::key::Key;

static NULL: Value = Value::Null;

/// What a value can be indexed by: a number for a list, a text for a map.
pub trait Index {
    /// The part of `value`.
    fn find<'v>(&self, value: &'v Value) -> Option<&'v Value>;

    /// The part of `value`, to change.
    fn find_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value>;

    /// The part of `value`, made where it is missing.
    fn find_or_make<'v>(&self, value: &'v mut Value) -> &'v mut Value;
}

impl Index for usize {
    fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.as_array()?.get(*self)
    }

    fn find_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        value.as_array_mut()?.get_mut(*self)
    }

    fn find_or_make<'v>(&self, value: &'v mut Value) -> &'v mut Value {
        let items = value.as_array_mut().expect("only a list has a numbered item");
        &mut items[*self]
    }
}

impl Index for str {
    #[inline]
    fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.as_object()?.get(self)
    }

    #[inline]
    fn find_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        value.as_object_mut()?.get_mut(self)
    }

    fn find_or_make<'v>(&self, value: &'v mut Value) -> &'v mut Value {
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        let map = value.as_object_mut().expect("only a map has a named field");
        map.entry(self).or_insert(Value::Null)
    }
}

macro_rules! named {
    ($($name:ty),*) => {$(
        impl Index for $name {
            fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
                <str as Index>::find(self, value)
            }

            fn find_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
                <str as Index>::find_mut(self, value)
            }

            fn find_or_make<'v>(&self, value: &'v mut Value) -> &'v mut Value {
                <str as Index>::find_or_make(self, value)
            }
        }
    )*};
}

named!(String, Key);

impl<I: Index + ?Sized> Index for &I {
    #[inline]
    fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        (**self).find(value)
    }

    #[inline]
    fn find_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        (**self).find_mut(value)
    }

    fn find_or_make<'v>(&self, value: &'v mut Value) -> &'v mut Value {
        (**self).find_or_make(value)
    }
}

/// What is missing reads as null.
impl<I: Index> ops::Index<I> for Value {
    type Output = Value;

    fn index(&self, index: I) -> &Value {
        index.find(self).unwrap_or(&NULL)
    }
}

/// A field that is missing is made; so is the map, where there is null.
impl<I: Index> ops::IndexMut<I> for Value {
    fn index_mut(&mut self, index: I) -> &mut Value {
        index.find_or_make(self)
    }
}
