//! Keys, ranges of them, values, and what a store tells of a key.

use orchestrator_core::store::{Key, KeyRange, KeyValue, Revision};
use orchestrator_core::value::Value;

use super::{Reader, WireError, Writer};

impl Writer<'_> {
    pub(crate) fn key(&mut self, key: &Key) {
        self.bytes(key.as_bytes());
    }

    pub(crate) fn keys(&mut self, keys: &KeyRange) {
        self.key(&keys.start);
        self.option(keys.end.as_ref(), Self::key);
    }

    /// A value; makes its bytes.
    pub(crate) fn value(&mut self, value: &Value) {
        self.bytes(value.bytes());
    }

    pub(crate) fn revision(&mut self, revision: Revision) {
        self.number(revision.get());
    }

    pub(crate) fn kv(&mut self, kv: &KeyValue) {
        self.key(&kv.key);
        self.value(&kv.value);
        self.revision(kv.create_revision);
        self.revision(kv.mod_revision);
        self.number(kv.version);
        self.signed(kv.lease);
    }
}

impl Reader {
    pub(crate) fn key(&mut self) -> Result<Key, WireError> {
        self.slice().map(Key::from)
    }

    pub(crate) fn keys(&mut self) -> Result<KeyRange, WireError> {
        Ok(KeyRange { start: self.key()?, end: self.option(Self::key)? })
    }

    pub(crate) fn value(&mut self) -> Result<Value, WireError> {
        self.kept().map(Value::from_bytes)
    }

    pub(crate) fn revision(&mut self) -> Result<Revision, WireError> {
        self.number().map(Revision::new)
    }

    pub(crate) fn kv(&mut self) -> Result<KeyValue, WireError> {
        Ok(KeyValue {
            key: self.key()?,
            value: self.value()?,
            create_revision: self.revision()?,
            mod_revision: self.revision()?,
            version: self.number()?,
            lease: self.signed()?,
        })
    }
}
