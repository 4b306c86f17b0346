//! Maps: entries side by side in the order of their keys.
//!
//! Nearly all maps are small, so an entry is looked for one after the other, by the number that
//! its key begins with. A map that grows beyond 64 entries, as only data from outside
//! makes them, becomes a tree: else a body of a megabyte could ask for a million shifts.

mod entry;
mod iter;

pub use entry::{Entry, OccupiedEntry, VacantEntry};
pub use iter::{IntoIter, Iter, IterMut};

use std::collections::BTreeMap;
use std::fmt;

use serde::de::MapAccess;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::{Key, head};
use crate::value::Value;

/// How many entries are kept side by side.
const MAX_FLAT: usize = 64;

/// How many entries room is made for on the word of a reader.
const MAX_ROOM: usize = 16;

/// A map in the order of its keys.
#[derive(Clone)]
pub struct Map {
    repr: Repr,
}

#[derive(Clone)]
enum Repr {
    Flat(Vec<(Key, Value)>),
    /// In a box, so that every map takes three words.
    #[allow(clippy::box_collection)]
    Tree(Box<BTreeMap<Key, Value>>),
}

impl Map {
    /// An empty map.
    #[inline]
    pub const fn new() -> Self {
        Self { repr: Repr::Flat(Vec::new()) }
    }

    /// An empty map with room for some entries.
    pub fn with_capacity(entries: usize) -> Self {
        Self { repr: Repr::Flat(Vec::with_capacity(entries.min(MAX_FLAT))) }
    }

    /// How many entries there are.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Flat(entries) => entries.len(),
            Repr::Tree(tree) => tree.len(),
        }
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of `key`.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.get_by(head(key), key)
    }

    fn get_by(&self, head: u64, key: &str) -> Option<&Value> {
        match &self.repr {
            Repr::Flat(entries) => place(entries, head, key).ok().map(|at| &entries[at].1),
            Repr::Tree(tree) => tree.get(key),
        }
    }

    /// The value of `key`, to change.
    #[inline]
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.get_mut_by(head(key), key)
    }

    fn get_mut_by(&mut self, head: u64, key: &str) -> Option<&mut Value> {
        match &mut self.repr {
            Repr::Flat(entries) => place(entries, head, key).ok().map(|at| &mut entries[at].1),
            Repr::Tree(tree) => tree.get_mut(key),
        }
    }

    /// `key` as it is stored, and its value.
    pub fn get_key_value(&self, key: &str) -> Option<(&Key, &Value)> {
        match &self.repr {
            Repr::Flat(entries) => {
                let at = place(entries, head(key), key).ok()?;
                Some((&entries[at].0, &entries[at].1))
            }
            Repr::Tree(tree) => tree.get_key_value(key),
        }
    }

    /// Whether there is a value of `key`.
    #[inline]
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets the value of `key`; the one that it had.
    pub fn insert(&mut self, key: Key, value: Value) -> Option<Value> {
        match &mut self.repr {
            Repr::Flat(entries) => {
                let at = match entries.last() {
                    // Most maps are made in order.
                    Some((last, _)) if *last < key => Err(entries.len()),
                    Some(_) => place(entries, key.head(), &key),
                    None => Err(0),
                };
                match at {
                    Ok(at) => return Some(std::mem::replace(&mut entries[at].1, value)),
                    Err(at) => entries.insert(at, (key, value)),
                }
                if entries.len() > MAX_FLAT {
                    let tree = std::mem::take(entries).into_iter().collect();
                    self.repr = Repr::Tree(Box::new(tree));
                }
                None
            }
            Repr::Tree(tree) => tree.insert(key, value),
        }
    }

    /// Removes `key`; the value that it had.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes `key`; the entry that there was.
    pub fn remove_entry(&mut self, key: &str) -> Option<(Key, Value)> {
        match &mut self.repr {
            Repr::Flat(entries) => {
                let at = place(entries, head(key), key).ok()?;
                Some(entries.remove(at))
            }
            Repr::Tree(tree) => tree.remove_entry(key),
        }
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// The entry of `key`, to look at and to set.
    pub fn entry(&mut self, key: impl Into<Key>) -> Entry<'_> {
        Entry::new(self, key.into())
    }

    /// Takes all entries of `other`, whose values win.
    pub fn append(&mut self, other: &mut Self) {
        self.extend(std::mem::take(other));
    }

    /// Keeps the entries for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&Key, &mut Value) -> bool) {
        match &mut self.repr {
            Repr::Flat(entries) => entries.retain_mut(|(key, value)| keep(key, value)),
            Repr::Tree(tree) => tree.retain(keep),
        }
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Key> + ExactSizeIterator + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// The values in the order of keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The values in the order of keys, to change.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.iter_mut().map(|(_, value)| value)
    }

    /// The values in the order of keys, owned.
    pub fn into_values(self) -> impl Iterator<Item = Value> {
        self.into_iter().map(|(_, value)| value)
    }
}

/// Where `key` stands, or where it belongs.
fn place(entries: &[(Key, Value)], head: u64, key: &str) -> Result<usize, usize> {
    for (at, (known, _)) in entries.iter().enumerate() {
        let other = known.head();
        if other < head {
            continue;
        }
        if other > head {
            return Err(at);
        }
        match known.as_str().cmp(key) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Ok(at),
            std::cmp::Ordering::Greater => return Err(at),
        }
    }
    Err(entries.len())
}

impl Default for Map {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        match (&self.repr, &other.repr) {
            (Repr::Flat(ours), Repr::Flat(theirs)) => ours == theirs,
            _ => self.len() == other.len() && self.iter().eq(other.iter()),
        }
    }
}

impl Eq for Map {}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl std::ops::Index<&str> for Map {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        self.get(key).expect("the map has the key")
    }
}

impl std::ops::IndexMut<&str> for Map {
    fn index_mut(&mut self, key: &str) -> &mut Value {
        self.get_mut(key).expect("the map has the key")
    }
}

impl<K: Into<Key>> Extend<(K, Value)> for Map {
    fn extend<I: IntoIterator<Item = (K, Value)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key.into(), value);
        }
    }
}

impl<K: Into<Key>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut map = Self::with_capacity(entries.size_hint().0);
        map.extend(entries);
        map
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Map;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_unit<E>(self) -> Result<Map, E> {
                Ok(Map::new())
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Map, A::Error> {
                read(access)
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

/// Reads the entries of a map.
pub(crate) fn read<'de, A: MapAccess<'de>>(mut access: A) -> Result<Map, A::Error> {
    let mut map = Map::with_capacity(access.size_hint().unwrap_or_default().min(MAX_ROOM));
    while let Some((key, value)) = access.next_entry()? {
        map.insert(key, value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_an_ordered_map_does(
            steps in prop::collection::vec(("[a-d]{0,12}", 0_u8..4), 0..200),
        ) {
            let (mut map, mut model) = (Map::new(), BTreeMap::<String, Value>::new());
            for (number, (key, step)) in steps.into_iter().enumerate() {
                let value = Value::from(number);
                match step {
                    0 => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    1 => {
                        let ours = map.entry(key.as_str()).or_insert_with(|| value.clone()).clone();
                        prop_assert_eq!(&ours, model.entry(key).or_insert(value));
                    }
                    _ => prop_assert_eq!(
                        map.insert(key.as_str().into(), value.clone()),
                        model.insert(key, value)
                    ),
                }
            }
            prop_assert_eq!(map.len(), model.len());
            let ours: Vec<_> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
            let theirs: Vec<_> = model.iter().map(|(key, value)| (key.as_str(), value)).collect();
            prop_assert_eq!(ours, theirs);
            prop_assert!(model.iter().all(|(key, value)| map.get(key) == Some(value)));
            let back: Map = map.clone().into_iter().rev().collect();
            prop_assert_eq!(back, map);
        }
    }
}
