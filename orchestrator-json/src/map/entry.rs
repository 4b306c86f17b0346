//! One key of a map, with or without a value.

use super::Map;
use crate::key::Key;
use crate::value::Value;

/// What a map has under a key.
#[derive(Debug)]
pub enum Entry<'a> {
    /// A value.
    Occupied(OccupiedEntry<'a>),
    /// Nothing.
    Vacant(VacantEntry<'a>),
}

/// A key that has a value.
#[derive(Debug)]
pub struct OccupiedEntry<'a> {
    map: &'a mut Map,
    key: Key,
}

/// A key that has none.
#[derive(Debug)]
pub struct VacantEntry<'a> {
    map: &'a mut Map,
    key: Key,
}

impl<'a> Entry<'a> {
    pub(super) fn new(map: &'a mut Map, key: Key) -> Self {
        match map.contains_key(&key) {
            true => Self::Occupied(OccupiedEntry { map, key }),
            false => Self::Vacant(VacantEntry { map, key }),
        }
    }

    /// The key.
    pub fn key(&self) -> &Key {
        match self {
            Self::Occupied(entry) => &entry.key,
            Self::Vacant(entry) => &entry.key,
        }
    }

    /// The value, which is `value` where there was none.
    pub fn or_insert(self, value: Value) -> &'a mut Value {
        self.or_insert_with(|| value)
    }

    /// The value, which is made where there was none.
    pub fn or_insert_with(self, make: impl FnOnce() -> Value) -> &'a mut Value {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => entry.insert(make()),
        }
    }

    /// Changes the value where there is one.
    #[must_use]
    pub fn and_modify(mut self, change: impl FnOnce(&mut Value)) -> Self {
        if let Self::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }
}

impl<'a> OccupiedEntry<'a> {
    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The value.
    pub fn get(&self) -> &Value {
        self.map.get(&self.key).expect("the entry is occupied")
    }

    /// The value, to change.
    pub fn get_mut(&mut self) -> &mut Value {
        self.map.get_mut(&self.key).expect("the entry is occupied")
    }

    /// The value, to change for as long as the map is borrowed.
    pub fn into_mut(self) -> &'a mut Value {
        self.map.get_mut(&self.key).expect("the entry is occupied")
    }

    /// Sets the value; the one that there was.
    pub fn insert(&mut self, value: Value) -> Value {
        std::mem::replace(self.get_mut(), value)
    }

    /// Removes the key; the value that it had.
    pub fn remove(self) -> Value {
        self.map.remove(&self.key).expect("the entry is occupied")
    }
}

impl<'a> VacantEntry<'a> {
    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Sets the value.
    pub fn insert(self, value: Value) -> &'a mut Value {
        let Self { map, key } = self;
        map.insert(key.clone(), value);
        map.get_mut(&key).expect("it was just inserted")
    }
}
