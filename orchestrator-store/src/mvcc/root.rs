//! The keys of one revision: a persistent map, so that a copy is a pointer.

use orchestrator_core::store::{Event, Key, KeyRange, KeyValue, LeaseId, RangeResponse, Revision};
use orchestrator_core::value::Value;

use super::tree::{Bulk, Iter, Tree};

/// What a root remembers of a key.
///
/// A store has millions of these, so the numbers that are nearly always small have little room,
/// and a key that has others pays for it alone.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) mod_revision: Revision,
    /// How many revisions before `mod_revision` the key was made.
    age: u32,
    version: u32,
    rare: Option<Box<Rare>>,
}

/// What does not fit an entry: of a key with a lease, or one whose numbers are large.
#[derive(Clone, Debug)]
struct Rare {
    age: u64,
    version: u64,
    lease: LeaseId,
}

impl Entry {
    pub(super) fn new(
        value: Value,
        (create_revision, mod_revision): (Revision, Revision),
        version: u64,
        lease: LeaseId,
    ) -> Self {
        let age = mod_revision.get().saturating_sub(create_revision.get());
        match (u32::try_from(age), u32::try_from(version), lease) {
            (Ok(age), Ok(version), 0) => Self { value, mod_revision, age, version, rare: None },
            _ => {
                let rare = Some(Box::new(Rare { age, version, lease }));
                Self { value, mod_revision, age: 0, version: 0, rare }
            }
        }
    }

    pub(crate) fn create_revision(&self) -> Revision {
        let age = self.rare.as_ref().map_or(u64::from(self.age), |rare| rare.age);
        Revision::new(self.mod_revision.get() - age)
    }

    pub(crate) fn version(&self) -> u64 {
        self.rare.as_ref().map_or(u64::from(self.version), |rare| rare.version)
    }

    pub(crate) fn lease(&self) -> LeaseId {
        self.rare.as_ref().map_or(0, |rare| rare.lease)
    }

    pub(crate) fn to_kv(&self, key: &Key) -> KeyValue {
        KeyValue {
            key: key.clone(),
            value: self.value.clone(),
            create_revision: self.create_revision(),
            mod_revision: self.mod_revision,
            version: self.version(),
            lease: self.lease(),
        }
    }

    pub(super) fn from_kv(kv: &KeyValue) -> Self {
        let revisions = (kv.create_revision, kv.mod_revision);
        Self::new(kv.value.clone(), revisions, kv.version, kv.lease)
    }

    pub(crate) fn into_kv(self, key: &Key) -> KeyValue {
        let (create_revision, version, lease) =
            (self.create_revision(), self.version(), self.lease());
        let Self { value, mod_revision, .. } = self;
        KeyValue { key: key.clone(), value, create_revision, mod_revision, version, lease }
    }
}

/// The bytes that a value with its key counts for; makes the bytes of the value.
pub(crate) fn data_bytes(key: &Key, value: &Value) -> u64 {
    (key.as_bytes().len() + value.bytes().len()) as u64
}

/// All keys of one revision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Root {
    map: Tree<Entry>,
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

    /// Writes what `make` makes of what is there; returns the key after and before.
    ///
    /// Both share the map's own copy of the key, whatever copy the caller has.
    pub(crate) fn put(
        &mut self,
        key: Key,
        make: impl FnOnce(Option<&Entry>) -> Entry,
    ) -> (KeyValue, Option<KeyValue>) {
        if let Some((key, present)) = self.map.get_mut(key.as_bytes()) {
            let entry = make(Some(present));
            self.bytes =
                self.bytes + data_bytes(key, &entry.value) - data_bytes(key, &present.value);
            let kv = entry.to_kv(key);
            return (kv, Some(std::mem::replace(present, entry).into_kv(key)));
        }
        let entry = make(None);
        self.bytes += data_bytes(&key, &entry.value);
        let kv = entry.to_kv(&key);
        self.map.insert(key, entry);
        (kv, None)
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<(Key, Entry)> {
        let (key, old) = self.map.remove(key)?;
        self.bytes -= data_bytes(&key, &old.value);
        Some((key, old))
    }

    /// The keys of `keys` in order.
    pub(crate) fn iter<'a>(&'a self, keys: &'a KeyRange) -> Iter<'a, Entry> {
        self.map.iter(keys)
    }

    /// How many keys of `keys` there are, without looking at them.
    pub(super) fn count(&self, keys: &KeyRange) -> usize {
        self.map.count(keys)
    }

    /// Reads; the answer says `newest` for the store's revision.
    pub(crate) fn range(
        &self,
        keys: &KeyRange,
        limit: usize,
        count_only: bool,
        newest: Revision,
    ) -> RangeResponse {
        if keys.end.is_none() {
            let found = self.map.get_key_value(keys.start.as_bytes());
            return one(found.map(|(key, entry)| entry.to_kv(key)), count_only, newest);
        }
        let count = self.count(keys) as u64;
        let room = room(limit, count_only, count);
        let mut kvs = Vec::with_capacity(room);
        kvs.extend(self.iter(keys).take(room).map(|(key, entry)| entry.to_kv(key)));
        let more = !count_only && count > kvs.len() as u64;
        RangeResponse { revision: newest, kvs, count, more }
    }

    /// Takes back the events of one revision.
    pub(super) fn undo(&mut self, events: &[std::sync::Arc<Event>]) {
        for event in events.iter().rev() {
            match &event.prev {
                Some(prev) => drop(self.put(prev.key.clone(), |_| Entry::from_kv(prev))),
                None => drop(self.remove(event.kv.key.as_bytes())),
            }
        }
    }
}

/// The answer to a read of one key, which is `found`.
pub(super) fn one(found: Option<KeyValue>, count_only: bool, newest: Revision) -> RangeResponse {
    let count = u64::from(found.is_some());
    let kvs = found.into_iter().filter(|_| !count_only).collect();
    RangeResponse { revision: newest, kvs, count, more: false }
}

/// How many of `count` keys a read gives.
pub(super) fn room(limit: usize, count_only: bool, count: u64) -> usize {
    let kept = match (count_only, limit) {
        (true, _) => 0,
        (false, 0) => usize::MAX,
        (false, limit) => limit,
    };
    kept.min(usize::try_from(count).unwrap_or(usize::MAX))
}

/// A root that is being made of keys in order.
#[derive(Debug, Default)]
pub(super) struct Filling {
    map: Bulk<Entry>,
    bytes: u64,
}

impl Filling {
    /// Adds a key that follows all others.
    pub(super) fn push(&mut self, key: Key, entry: Entry) {
        self.bytes += data_bytes(&key, &entry.value);
        self.map.push(key, entry);
    }

    pub(super) fn finish(self) -> Root {
        Root { map: self.map.finish(), bytes: self.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_every_number_and_is_small() {
        assert_eq!(size_of::<Entry>(), 32);
        let large = u64::from(u32::MAX);
        for (create, modified, version, lease) in [
            (2, 2, 1, 0),
            (2, 9, 3, 0),
            (2, 9, 3, 7),
            (2, 9, 3, -1),
            (1, large + 1, 1, 0),
            (1, large + 2, 1, 0),
            (5, 6, large + 1, 0),
        ] {
            let kv = KeyValue {
                key: Key::from("a"),
                value: Value::from_bytes("v"),
                create_revision: Revision::new(create),
                mod_revision: Revision::new(modified),
                version,
                lease,
            };
            let entry = Entry::from_kv(&kv);
            assert_eq!(entry.to_kv(&kv.key), kv);
            assert_eq!(entry.into_kv(&kv.key), kv);
        }
    }
}
