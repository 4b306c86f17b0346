//! What a cache holds: items by key, and the indexes over them.
//!
//! Of each object there are the bytes, which the store has too, and the typed object once a
//! reader of that type came by. The tree is there while an item is filed, no longer: it is by
//! far the heaviest form, and what the indexes found in it is written down beside the item.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use orchestrator_core::{Item, Object, ObjectKey};

use super::IndexFn;
use crate::Kind;

/// A collection and its indexes.
#[derive(Default)]
pub(super) struct Content {
    items: BTreeMap<ObjectKey, Entry>,
    /// One or two, which is no case for a map.
    indexes: Vec<Index>,
}

/// One object.
pub(super) struct Entry {
    item: Item,
    /// For the first type asked for, which is nearly always the only one.
    typed: OnceLock<Arc<dyn Any + Send + Sync>>,
    uid: String,
    is_terminating: bool,
    /// The indexes that know the object, each with a value that it is filed under.
    filed: Vec<(&'static str, String)>,
}

struct Index {
    name: &'static str,
    values: IndexFn,
    keys: BTreeMap<String, BTreeSet<ObjectKey>>,
}

impl Entry {
    pub(super) fn item(&self) -> &Item {
        &self.item
    }

    /// Whether this is the object of `uid`, and is to stay.
    pub(super) fn stays(&self, uid: &str) -> bool {
        self.uid == uid && !self.is_terminating
    }

    /// The typed object; `None` where it does not have the type's shape.
    pub(super) fn typed<K: Kind>(&self) -> Option<Arc<K>> {
        if let Some(any) = self.typed.get()
            && let Ok(typed) = Arc::clone(any).downcast()
        {
            return Some(typed);
        }
        let typed = self.item.typed::<K>().inspect_err(|error| {
            tracing::warn!(kind = K::KIND, key = %self.item.key(), %error, "object has another shape");
        });
        let typed = typed.ok()?;
        let _ = self.typed.set(Arc::clone(&typed) as _);
        Some(typed)
    }
}

impl Content {
    pub(super) fn get(&self, key: &ObjectKey) -> Option<&Entry> {
        self.items.get(key)
    }

    /// All entries, in key order.
    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.items.values()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.items.keys()
    }

    /// The entries of one namespace, in key order.
    pub(super) fn namespace(&self, namespace: &str) -> impl Iterator<Item = &Entry> {
        let from = self.items.range(ObjectKey::new(namespace, "")..);
        from.take_while(move |(key, _)| key.namespace == namespace).map(|(_, entry)| entry)
    }

    /// The entries that `index` files under `value`, in key order.
    pub(super) fn by_index(&self, index: &str, value: &str) -> impl Iterator<Item = &Entry> {
        let index = self.indexes.iter().find(|known| known.name == index);
        let keys = index.and_then(|index| index.keys.get(value));
        keys.into_iter().flatten().filter_map(|key| self.items.get(key))
    }

    /// Adds an index; one of that name that is there already stays as it is.
    pub(super) fn add_index(&mut self, name: &'static str, values: IndexFn) {
        if self.indexes.iter().any(|known| known.name == name) {
            return;
        }
        let mut index = Index { name, values, keys: BTreeMap::new() };
        for (key, entry) in &mut self.items {
            if let Ok(tree) = entry.item.lean() {
                entry.filed.extend(index.file(key, &tree));
            }
        }
        self.indexes.push(index);
    }

    pub(super) fn insert(&mut self, key: ObjectKey, item: &Item) -> Option<Item> {
        let old = self.remove(&key);
        let mut entry = Entry {
            item: item.light(),
            typed: OnceLock::new(),
            uid: String::new(),
            is_terminating: false,
            filed: Vec::new(),
        };
        if let Ok(tree) = item.lean() {
            entry.uid = tree.uid().to_owned();
            entry.is_terminating = tree.deletion_timestamp().is_some();
            for index in &mut self.indexes {
                entry.filed.extend(index.file(&key, &tree));
            }
        }
        self.items.insert(key, entry);
        old
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) -> Option<Item> {
        let old = self.items.remove(key)?;
        for (name, value) in &old.filed {
            let index = self.indexes.iter_mut().find(|index| index.name == *name);
            let index = index.expect("an index is never removed");
            if let Some(keys) = index.keys.get_mut(value) {
                keys.remove(key);
                if keys.is_empty() {
                    index.keys.remove(value);
                }
            }
        }
        Some(old.item)
    }
}

impl Index {
    /// Files the object under its values; what is to be remembered of that.
    fn file(&mut self, key: &ObjectKey, tree: &Object) -> Vec<(&'static str, String)> {
        let values = (self.values)(tree);
        for value in &values {
            match self.keys.get_mut(value) {
                Some(keys) => drop(keys.insert(key.clone())),
                None => drop(self.keys.insert(value.clone(), BTreeSet::from([key.clone()]))),
            }
        }
        values.into_iter().map(|value| (self.name, value)).collect()
    }
}
