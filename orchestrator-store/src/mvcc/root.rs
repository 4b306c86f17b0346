//! The keys of one revision: a persistent map, so that a copy is a pointer.

use std::ops::Bound;

use imbl::OrdMap;
use orchestrator_core::store::{Event, Key, KeyRange, KeyValue, LeaseId, RangeResponse, Revision};
use orchestrator_core::value::Value;

/// What a root remembers of a key.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) create_revision: Revision,
    pub(crate) mod_revision: Revision,
    pub(crate) version: u64,
    pub(crate) lease: LeaseId,
    /// The bytes of key and value as counted when it was written; a value that is encoded later
    /// must not change the sum.
    pub(crate) bytes: u64,
}

impl Entry {
    pub(crate) fn to_kv(&self, key: &Key) -> KeyValue {
        KeyValue {
            key: key.clone(),
            value: self.value.clone(),
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
            lease: self.lease,
        }
    }

    fn from_kv(kv: &KeyValue) -> Self {
        Self {
            value: kv.value.clone(),
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            version: kv.version,
            lease: kv.lease,
            bytes: data_bytes(&kv.key, &kv.value),
        }
    }
}

/// The bytes that a key with its value counts for.
pub(crate) fn data_bytes(key: &Key, value: &Value) -> u64 {
    (key.as_bytes().len() + value.size_hint()) as u64
}

/// All keys of one revision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Root {
    map: OrdMap<Key, Entry>,
    bytes: u64,
}

impl Root {
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// The bytes of all keys and values.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.map.get(key)
    }

    /// Writes `entry`; returns the key as the map shares it, and what was there.
    pub(crate) fn put(&mut self, key: Key, entry: Entry) -> (Key, Option<Entry>) {
        self.bytes += entry.bytes;
        if let Some((shared, present)) = self.map.get_key_value_mut(key.as_bytes()) {
            let shared = shared.clone();
            let old = std::mem::replace(present, entry);
            self.bytes -= old.bytes;
            return (shared, Some(old));
        }
        self.map.insert(key.clone(), entry);
        (key, None)
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<(Key, Entry)> {
        let (key, old) = self.map.remove_with_key(key)?;
        self.bytes -= old.bytes;
        Some((key, old))
    }

    /// The keys of `keys` in order.
    pub(crate) fn iter<'a>(
        &'a self,
        keys: &'a KeyRange,
    ) -> impl Iterator<Item = (&'a Key, &'a Entry)> {
        let start = keys.start.as_bytes();
        let end = match &keys.end {
            None => Bound::Included(start),
            Some(_) if keys.is_unbounded() => Bound::Unbounded,
            Some(end) => Bound::Excluded(end.as_bytes()),
        };
        // A map refuses a range that ends before it starts; here such a range is empty.
        let empty = matches!(end, Bound::Excluded(end) if end <= start);
        let range = (!empty).then(|| self.map.range::<_, [u8]>((Bound::Included(start), end)));
        range.into_iter().flatten()
    }

    /// Reads; the answer says `newest` for the store's revision.
    pub(crate) fn range(
        &self,
        keys: &KeyRange,
        limit: usize,
        count_only: bool,
        newest: Revision,
    ) -> RangeResponse {
        let kept = match (count_only, limit) {
            (true, _) => 0,
            (false, 0) => usize::MAX,
            (false, limit) => limit,
        };
        let mut kvs = Vec::new();
        let mut count = 0;
        for (key, entry) in self.iter(keys) {
            if kvs.len() < kept {
                kvs.push(entry.to_kv(key));
            }
            count += 1;
        }
        let more = !count_only && count > kvs.len() as u64;
        RangeResponse { revision: newest, kvs, count, more }
    }

    /// Takes back the events of one revision.
    pub(crate) fn undo(&mut self, events: &[std::sync::Arc<Event>]) {
        for event in events.iter().rev() {
            match &event.prev {
                Some(prev) => drop(self.put(prev.key.clone(), Entry::from_kv(prev))),
                None => drop(self.remove(event.kv.key.as_bytes())),
            }
        }
    }
}
