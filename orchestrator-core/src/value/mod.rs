//! Values: objects that are encoded at most once and decoded at most once.
//!
//! A [`Value`] is what the store holds. It comes in three forms, each made when first asked for
//! and then shared by every clone: the JSON bytes, the tree, and a typed object. So a durable
//! engine forces the bytes, a thousand watchers share one encoding, and a reader in the same
//! process gets an `Arc<K>` without touching serde. A value does not know its revision; an
//! [`Item`] joins the two.
//!
//! The forms differ in weight. The bytes of a pod are some 2 KiB, its tree takes twenty times as
//! much, for every small map in it is a node of its own. Most of what a store holds is looked at
//! while it is new and hardly ever again. So a value is *warm* while it is new: its forms stay.
//! The store [cools](Value::cool) it some commits later, and it is its bytes from then on; who
//! asks for another form of a cold value gets one of its own, and keeps it for as long as it
//! needs it: an [`Item`] its tree, a cache the typed object.
//!
//! Half of a tree is `metadata.managedFields`, which only servers look at. A value that was just
//! [created](Value::created) has them in its bytes and a [lean](Value::lean) tree without them.

mod encode;
mod item;
mod sketch;
mod text;
mod typed;

pub use item::Item;
pub use sketch::FieldPath;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::object::Object;
use crate::store::Revision;

/// An immutable value, cheaply cloned: JSON bytes, and while it is warm a tree and a typed object.
#[derive(Clone)]
pub struct Value {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    /// As stored: without `metadata.resourceVersion`. Where there are none, there is a tree.
    bytes: OnceLock<Bytes>,
    /// Of a cold value nothing, not even room: most of what a store holds is cold.
    forms: Mutex<Option<Box<Forms>>>,
}

/// What a warm value is besides its bytes.
#[derive(Default)]
struct Forms {
    tree: Option<Arc<Object>>,
    /// The tree without `metadata.managedFields`, where the whole was not asked for yet.
    lean: Option<Arc<Object>>,
    /// The first type asked for, at the revision asked for: nearly always the only ones.
    typed: Option<(Revision, Arc<dyn Any + Send + Sync>)>,
    /// As sent to clients: with `metadata.resourceVersion`.
    wire: Option<(Revision, Bytes)>,
}

/// The bytes of a value are no JSON object of the wanted shape.
#[derive(Debug, thiserror::Error)]
#[error("stored value cannot be decoded")]
pub struct DecodeError(#[source] serde_json::Error);

impl Value {
    /// The value of a tree, which carries no `metadata.resourceVersion`; it is warm.
    pub fn from_object(object: Object) -> Self {
        debug_assert!(object.resource_version().is_empty(), "revisions belong to the store");
        let forms = Box::new(Forms { tree: Some(Arc::new(object)), ..Forms::default() });
        let forms = Mutex::new(Some(forms));
        Self { inner: Arc::new(Inner { bytes: OnceLock::new(), forms }) }
    }

    /// The value of a tree that lacks the `metadata.managedFields` given as JSON; it is warm and
    /// has its bytes.
    pub fn created(object: Object, managed: &str) -> Self {
        let bytes = OnceLock::from(bytes_of(&object, Some(managed)));
        let forms = Box::new(Forms { lean: Some(Arc::new(object)), ..Forms::default() });
        Self { inner: Arc::new(Inner { bytes, forms: Mutex::new(Some(forms)) }) }
    }

    /// The value of some bytes, which are decoded only when somebody asks for the tree; it is
    /// cold.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = OnceLock::from(bytes.into());
        Self { inner: Arc::new(Inner { bytes, forms: Mutex::default() }) }
    }

    /// The JSON bytes as stored, encoded on first use.
    pub fn bytes(&self) -> &Bytes {
        self.inner.bytes.get_or_init(|| {
            // A tree's value is cold only after it has bytes.
            bytes_of(&self.tree().expect("a value has bytes or a tree"), None)
        })
    }

    /// The tree as stored, decoded unless the value has it.
    ///
    /// # Errors
    /// The bytes are no JSON object.
    pub fn object(&self) -> Result<Arc<Object>, DecodeError> {
        let mut forms = self.inner.forms.lock();
        if let Some(tree) = forms.as_ref().and_then(|forms| forms.tree.as_ref()) {
            return Ok(Arc::clone(tree));
        }
        let bytes = self.inner.bytes.get().expect("a value has bytes or a tree");
        let tree = Arc::new(serde_json::from_slice(bytes).map_err(DecodeError)?);
        if let Some(forms) = &mut *forms {
            forms.tree = Some(Arc::clone(&tree));
            forms.lean = None;
        }
        Ok(tree)
    }

    /// The tree with or without `metadata.managedFields`, whichever is there: for readers, who
    /// have no use for them.
    ///
    /// # Errors
    /// The bytes are no JSON object.
    pub fn lean(&self) -> Result<Arc<Object>, DecodeError> {
        let lean = self.inner.forms.lock().as_ref().and_then(|forms| forms.lean.clone());
        lean.map_or_else(|| self.object(), Ok)
    }

    /// The tree where the value has it.
    fn tree(&self) -> Option<Arc<Object>> {
        self.inner.forms.lock().as_ref().and_then(|forms| forms.tree.clone())
    }

    /// Keeps the forms that are asked for from now on: the value will be looked at.
    pub fn warm(&self) {
        self.inner.forms.lock().get_or_insert_default();
    }

    /// Lets go of all but the bytes: the value will hardly be looked at.
    pub fn cool(&self) {
        self.bytes();
        // Dropped outside of the lock; a tree takes a while.
        let forms = self.inner.forms.lock().take();
        drop(forms);
    }

    /// How many bytes the value takes as stored; an estimate where it was never encoded.
    pub fn size_hint(&self) -> usize {
        const UNENCODED: usize = 1024;
        self.inner.bytes.get().map_or(UNENCODED, Bytes::len)
    }
}

/// The bytes of a tree, which lacks the `metadata.managedFields` given, where any are.
fn bytes_of(tree: &Object, managed: Option<&str>) -> Bytes {
    /// Room for most objects, so that few outgrow it.
    const ROOM: usize = 4096;
    let mut text = Vec::with_capacity(ROOM);
    encode::append_object(tree.as_map(), managed, &mut text);
    // The bytes outlive everything else of the value, so they have no room to spare.
    Bytes::copy_from_slice(&text)
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.bytes()))
    }
}

/// Equal bytes, or equal trees where both sides have them.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.inner, &other.inner) {
            return true;
        }
        match (self.tree(), other.tree()) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> Object {
        serde_json::from_value(json!({"kind": "Pod", "metadata": {"name": "a"}})).unwrap()
    }

    #[test]
    fn a_warm_value_keeps_its_forms_and_a_cold_one_its_bytes() {
        let value = Value::from_object(object());
        let tree = value.object().unwrap();
        assert!(Arc::ptr_eq(&tree, &value.clone().object().unwrap()));
        value.cool();
        assert_eq!(Arc::strong_count(&tree), 1);
        assert_eq!(*value.object().unwrap(), *tree);
        assert!(!Arc::ptr_eq(&value.object().unwrap(), &value.object().unwrap()));
        value.warm();
        assert!(Arc::ptr_eq(&value.object().unwrap(), &value.object().unwrap()));
        assert_eq!(value.bytes().as_ptr(), value.clone().bytes().as_ptr());
    }

    #[test]
    fn a_created_value_is_lean_until_somebody_wants_the_whole() {
        let value = Value::created(object(), "[1]");
        let lean = value.lean().unwrap();
        assert_eq!((lean.meta("managedFields"), lean.name()), (None, "a"));
        assert_eq!(value.object().unwrap().meta("managedFields"), Some(&json!([1])));
        assert!(Arc::ptr_eq(&value.lean().unwrap(), &value.object().unwrap()));
    }

    #[test]
    fn values_are_equal_in_whatever_form_they_are() {
        let (tree, bytes) =
            (Value::from_object(object()), r#"{"kind":"Pod","metadata":{"name":"a"}}"#);
        assert_eq!(tree, Value::from_bytes(bytes));
        assert_eq!(tree, Value::from_object(object()));
        assert_ne!(tree, Value::from_bytes("{}"));
    }
}
