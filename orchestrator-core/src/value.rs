//! Values: objects that are encoded at most once and decoded at most once.
//!
//! A [`Value`] is what the store holds. Its bytes, its tree and its typed form are each made when
//! first asked for and then shared by every clone, so a durable engine forces the bytes, a
//! thousand watchers share one encoding, and a reader in the same process gets an `Arc<K>`
//! without touching serde. A value does not know its revision; an [`Item`] joins the two.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;

use crate::object::{Map, Object};
use crate::store::Revision;
use crate::{Json, ObjectKey};

/// An immutable value, cheaply cloned: JSON bytes, a tree, a typed object, or all of them.
#[derive(Clone)]
pub struct Value {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// As stored: without `metadata.resourceVersion`.
    bytes: OnceLock<Bytes>,
    tree: OnceLock<Arc<Object>>,
    /// The first type asked for, at the revision asked for: nearly always the only ones.
    typed: OnceLock<(Revision, Arc<dyn Any + Send + Sync>)>,
    /// As sent to clients: with `metadata.resourceVersion`.
    wire: OnceLock<(Revision, Bytes)>,
}

/// The bytes of a value are no JSON object of the wanted shape.
#[derive(Debug, thiserror::Error)]
#[error("stored value cannot be decoded")]
pub struct DecodeError(#[source] serde_json::Error);

impl Value {
    /// The value of a tree, which carries no `metadata.resourceVersion`.
    pub fn from_object(object: Object) -> Self {
        debug_assert!(object.resource_version().is_empty(), "revisions belong to the store");
        let inner = Inner::default();
        inner.tree.set(Arc::new(object)).expect("new cell");
        Self { inner: Arc::new(inner) }
    }

    /// The value of some bytes, which are decoded only when somebody asks for the tree.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let inner = Inner::default();
        inner.bytes.set(bytes.into()).expect("new cell");
        Self { inner: Arc::new(inner) }
    }

    /// The JSON bytes as stored, encoded on first use.
    pub fn bytes(&self) -> &Bytes {
        self.inner.bytes.get_or_init(|| {
            let tree = self.inner.tree.get().expect("a value has bytes or a tree");
            Bytes::from(serde_json::to_vec(tree.as_ref()).expect("a JSON tree always encodes"))
        })
    }

    /// The tree as stored, decoded on first use.
    ///
    /// # Errors
    /// The bytes are no JSON object.
    pub fn object(&self) -> Result<&Arc<Object>, DecodeError> {
        if let Some(tree) = self.inner.tree.get() {
            return Ok(tree);
        }
        let bytes = self.inner.bytes.get().expect("a value has bytes or a tree");
        let tree = serde_json::from_slice(bytes).map_err(DecodeError)?;
        Ok(self.inner.tree.get_or_init(|| Arc::new(tree)))
    }

    /// How many bytes the value takes as stored; an estimate where it was never encoded.
    pub fn size_hint(&self) -> usize {
        const UNENCODED: usize = 1024;
        self.inner.bytes.get().or(self.inner.wire.get().map(|w| &w.1)).map_or(UNENCODED, Bytes::len)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.bytes()))
    }
}

/// Equal bytes, or equal trees where neither side has bytes yet.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.inner, &other.inner) {
            return true;
        }
        match (self.inner.tree.get(), other.inner.tree.get()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.bytes() == other.bytes(),
        }
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::from_object(object)
    }
}

/// A value at the revision that wrote it: what the API hands out.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    value: Value,
    revision: Revision,
}

impl Item {
    /// `value` as written by `revision`.
    pub fn new(value: Value, revision: Revision) -> Self {
        Self { value, revision }
    }

    /// An object that is not in the store (a dry run, a review): it is sent as it is.
    ///
    /// Its `metadata.resourceVersion`, where it has one, becomes the item's revision.
    pub fn unstored(mut object: Object) -> Self {
        let revision = object.resource_version().parse().map(Revision::new).unwrap_or_default();
        if !object.resource_version().is_empty() {
            object.set_meta("resourceVersion", Json::Null);
        }
        Self { value: Value::from_object(object), revision }
    }

    /// The value as stored.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The revision that wrote it; zero where it is not stored.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The shared tree as stored, without `metadata.resourceVersion`.
    ///
    /// # Errors
    /// The stored bytes are no JSON object.
    pub fn tree(&self) -> Result<&Arc<Object>, DecodeError> {
        self.value.object()
    }

    /// A copy of the tree, with `metadata.resourceVersion`.
    ///
    /// # Errors
    /// The stored bytes are no JSON object.
    pub fn to_object(&self) -> Result<Object, DecodeError> {
        let mut object = Object::clone(self.value.object()?);
        if !self.revision.is_zero() {
            object.set_meta("resourceVersion", self.revision.to_string());
        }
        Ok(object)
    }

    /// Namespace and name; empty where the stored bytes are no object.
    pub fn key(&self) -> ObjectKey {
        self.tree().map(|tree| tree.key()).unwrap_or_default()
    }

    /// The typed object, with `metadata.resourceVersion`; decoded once and shared.
    ///
    /// # Errors
    /// The stored bytes do not have the type's shape.
    pub fn typed<K>(&self) -> Result<Arc<K>, DecodeError>
    where
        K: DeserializeOwned + Send + Sync + 'static,
    {
        if let Some((revision, any)) = self.value.inner.typed.get()
            && *revision == self.revision
            && let Ok(typed) = Arc::clone(any).downcast::<K>()
        {
            return Ok(typed);
        }
        let typed: Arc<K> = Arc::new(self.to_object()?.to_typed().map_err(DecodeError)?);
        let any: Arc<dyn Any + Send + Sync> = Arc::clone(&typed) as _;
        // Another type, or another thread, may have come first; then this one is not shared.
        let _ = self.value.inner.typed.set((self.revision, any));
        Ok(typed)
    }

    /// The JSON bytes as sent to clients, with `metadata.resourceVersion`; encoded once.
    pub fn wire(&self) -> Bytes {
        if self.revision.is_zero() {
            return self.value.bytes().clone();
        }
        match self.value.inner.wire.get_or_init(|| (self.revision, self.encode_wire())) {
            (revision, wire) if *revision == self.revision => wire.clone(),
            _ => self.encode_wire(),
        }
    }

    fn encode_wire(&self) -> Bytes {
        let Ok(tree) = self.value.object() else { return self.value.bytes().clone() };
        let mut bytes = BytesMut::with_capacity(self.value.size_hint() + 48);
        let with = WithRevision { object: tree, revision: self.revision };
        serde_json::to_writer((&mut bytes).writer(), &with).expect("a JSON tree always encodes");
        bytes.freeze()
    }
}

/// Serialises an object with its revision put in, without copying the tree.
struct WithRevision<'a> {
    object: &'a Object,
    revision: Revision,
}

impl Serialize for WithRevision<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.object.as_map() {
            match value {
                Json::Object(meta) if key == "metadata" => {
                    map.serialize_entry(key, &MetaWithRevision { meta, revision: self.revision })?;
                }
                _ => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}

struct MetaWithRevision<'a> {
    meta: &'a Map,
    revision: Revision,
}

impl Serialize for MetaWithRevision<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.meta {
            if key != "resourceVersion" {
                map.serialize_entry(key, value)?;
            }
        }
        map.serialize_entry("resourceVersion", &self.revision.to_string())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object() -> Object {
        serde_json::from_value(json!({"kind": "Pod", "metadata": {"name": "a"}})).unwrap()
    }

    #[test]
    fn bytes_tree_and_type_are_made_once_and_shared() {
        let item = Item::new(Value::from_bytes(r#"{"metadata":{"name":"a"}}"#), Revision::new(7));
        let first = item.typed::<Json>().unwrap();
        assert!(Arc::ptr_eq(&first, &item.clone().typed::<Json>().unwrap()));
        assert_eq!(*first, json!({"metadata": {"name": "a", "resourceVersion": "7"}}));
        assert!(Arc::ptr_eq(item.tree().unwrap(), item.clone().tree().unwrap()));
        assert_eq!(item.wire().as_ptr(), item.clone().wire().as_ptr());
    }

    #[test]
    fn the_wire_form_carries_the_revision_and_the_stored_form_does_not() {
        let value = Value::from_object(object());
        let item = Item::new(value.clone(), Revision::new(9));
        let wire: Json = serde_json::from_slice(&item.wire()).unwrap();
        assert_eq!(wire["metadata"]["resourceVersion"], "9");
        assert!(!String::from_utf8_lossy(value.bytes()).contains("resourceVersion"));
        let later = Item::new(value, Revision::new(10));
        assert!(String::from_utf8_lossy(&later.wire()).contains("\"10\""));
        assert_eq!(later.typed::<Json>().unwrap()["metadata"]["resourceVersion"], "10");
    }

    #[test]
    fn bytes_that_are_no_object_are_an_error_not_a_panic() {
        let item = Item::new(Value::from_bytes(&b"\xff["[..]), Revision::new(1));
        assert!(item.tree().is_err());
        assert!(item.typed::<Json>().is_err());
        assert_eq!(&item.wire()[..], b"\xff[");
    }
}
