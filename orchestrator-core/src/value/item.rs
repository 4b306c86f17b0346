//! Values with their revisions.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::text::Text;
use super::{DecodeError, FieldPath, Forms, Value, typed};
use crate::object::Object;
use crate::store::Revision;
use crate::{Json, ObjectKey};

/// A value at the revision that wrote it: what the API hands out.
///
/// An item holds on to the tree once it was asked for it, whether its value is warm or not; what
/// is kept for long is kept as [`light`](Self::light).
#[derive(Clone)]
pub struct Item {
    value: Value,
    revision: Revision,
    tree: OnceLock<Arc<Object>>,
}

impl Item {
    /// `value` as written by `revision`.
    pub fn new(value: Value, revision: Revision) -> Self {
        Self { value, revision, tree: OnceLock::new() }
    }

    /// An object that is not in the store (a dry run, a review): it is sent as it is.
    ///
    /// Its `metadata.resourceVersion`, where it has one, becomes the item's revision.
    pub fn unstored(mut object: Object) -> Self {
        let revision = object.resource_version().parse().map(Revision::new).unwrap_or_default();
        if !object.resource_version().is_empty() {
            object.set_meta("resourceVersion", Json::Null);
        }
        Self::new(Value::from_object(object), revision)
    }

    /// The item of the bytes that [`wire`](Self::wire) makes, decoded only when somebody asks.
    ///
    /// Bytes without a revision are an item that is not stored.
    pub fn from_wire(bytes: Bytes) -> Self {
        match Text::new(&bytes).and_then(Text::split_revision) {
            Some((revision, stored)) => Self::new(Value::from_bytes(stored), revision),
            None => Self::new(Value::from_bytes(bytes), Revision::ZERO),
        }
    }

    /// The same without what it holds besides the value.
    #[must_use]
    pub fn light(&self) -> Self {
        Self::new(self.value.clone(), self.revision)
    }

    /// The value as stored.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The revision that wrote it; zero where it is not stored.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The tree as stored, without `metadata.resourceVersion`.
    ///
    /// # Errors
    /// The stored bytes are no JSON object.
    pub fn tree(&self) -> Result<&Arc<Object>, DecodeError> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree);
        }
        let tree = self.value.object()?;
        Ok(self.tree.get_or_init(|| tree))
    }

    /// The tree as readers want it: with or without `metadata.managedFields`, whichever there is.
    ///
    /// # Errors
    /// The stored bytes are no JSON object.
    pub fn lean(&self) -> Result<Arc<Object>, DecodeError> {
        self.tree.get().map_or_else(|| self.value.lean(), |tree| Ok(Arc::clone(tree)))
    }

    /// The tree, or as much of it as `paths` name.
    ///
    /// # Errors
    /// The stored bytes are no JSON object.
    pub fn sketch(&self, paths: &[FieldPath]) -> Result<Arc<Object>, DecodeError> {
        self.tree.get().map_or_else(|| self.value.sketch(paths), |tree| Ok(Arc::clone(tree)))
    }

    /// A copy of the tree, with `metadata.resourceVersion`.
    ///
    /// # Errors
    /// The stored bytes are no JSON object.
    pub fn to_object(&self) -> Result<Object, DecodeError> {
        let tree = self.tree.get().map_or_else(|| self.value.object(), |tree| Ok(Arc::clone(tree)));
        let mut object = Arc::unwrap_or_clone(tree?);
        if !self.revision.is_zero() {
            object.set_meta("resourceVersion", self.revision.to_string());
        }
        Ok(object)
    }

    /// Namespace and name; empty where the stored bytes are no object.
    pub fn key(&self) -> ObjectKey {
        if let Some(tree) = self.tree.get() {
            return tree.key();
        }
        let text = self.value.inner.bytes.get().and_then(|bytes| Text::new(bytes));
        match text.and_then(|text| Some((text.plain(b"namespace")?, text.plain(b"name")?))) {
            Some((namespace, name)) => ObjectKey::new(namespace, name),
            None => self.lean().map(|tree| tree.key()).unwrap_or_default(),
        }
    }

    /// The typed object, with `metadata.resourceVersion`; decoded once and shared while the value
    /// is warm.
    ///
    /// It comes without `metadata.managedFields`, which take as much room as the rest and are
    /// for servers: who wants them looks at the [`tree`](Self::tree). A server that is sent the
    /// object back keeps those that it knows.
    ///
    /// # Errors
    /// The stored bytes do not have the type's shape.
    pub fn typed<K>(&self) -> Result<Arc<K>, DecodeError>
    where
        K: DeserializeOwned + Send + Sync + 'static,
    {
        let tree = {
            let forms = self.value.inner.forms.lock();
            if let Some((revision, any)) = forms.as_ref().and_then(|forms| forms.typed.as_ref())
                && *revision == self.revision
                && let Ok(typed) = Arc::clone(any).downcast::<K>()
            {
                return Ok(typed);
            }
            let tree = |forms: &Forms| forms.tree.as_ref().or(forms.lean.as_ref()).cloned();
            forms.as_deref().and_then(tree)
        };
        let typed = match self.tree.get().or(tree.as_ref()) {
            Some(tree) => typed::decode(tree, self.revision),
            None => self.read(),
        };
        let typed: Arc<K> = Arc::new(typed.map_err(DecodeError)?);
        let mut forms = self.value.inner.forms.lock();
        // Another type, or another thread, may have come first; then this one is not shared.
        if let Some(forms) = &mut *forms
            && forms.typed.is_none()
        {
            let any: Arc<dyn Any + Send + Sync> = Arc::clone(&typed) as _;
            forms.typed = Some((self.revision, any));
        }
        Ok(typed)
    }

    /// The typed object out of the bytes.
    fn read<K: DeserializeOwned>(&self) -> Result<K, serde_json::Error> {
        let bytes = self.value.bytes();
        let Some(text) = Text::new(bytes) else { return serde_json::from_slice(bytes) };
        let mut own = Vec::new();
        text.append_unmanaged(self.revision, &mut own);
        serde_json::from_slice(&own)
    }

    /// The JSON bytes as sent to clients, with `metadata.resourceVersion`; made once while the
    /// value is warm.
    pub fn wire(&self) -> Bytes {
        if self.revision.is_zero() {
            return self.value.bytes().clone();
        }
        let forms = self.value.inner.forms.lock();
        match forms.as_ref().and_then(|forms| forms.wire.as_ref()) {
            Some((revision, wire)) if *revision == self.revision => return wire.clone(),
            _ => {}
        }
        drop(forms);
        let mut wire = Vec::new();
        self.append_wire(&mut wire);
        let wire = Bytes::from(wire);
        if let Some(forms) = &mut *self.value.inner.forms.lock() {
            forms.wire = Some((self.revision, wire.clone()));
        }
        wire
    }

    /// Appends the bytes as sent to clients, which are not kept.
    pub fn append_wire(&self, out: &mut Vec<u8>) {
        let bytes = self.value.bytes();
        match Text::new(bytes) {
            Some(text) => text.append(self.revision, out),
            None => out.extend_from_slice(bytes),
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("Item");
        all.field("value", &self.value).field("revision", &self.revision).finish_non_exhaustive()
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision && self.value == other.value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> Object {
        serde_json::from_value(
            json!({"kind": "Pod", "metadata": {"managedFields": [], "name": "a"}}),
        )
        .unwrap()
    }

    #[test]
    fn tree_type_and_wire_form_of_a_warm_value_are_made_once_and_shared() {
        let item = Item::new(Value::from_bytes(r#"{"metadata":{"name":"a"}}"#), Revision::new(7));
        item.value().warm();
        let first = item.typed::<Json>().unwrap();
        assert!(Arc::ptr_eq(&first, &item.light().typed::<Json>().unwrap()));
        assert_eq!(*first, json!({"metadata": {"name": "a", "resourceVersion": "7"}}));
        assert!(Arc::ptr_eq(item.tree().unwrap(), item.light().tree().unwrap()));
        assert_eq!(item.wire().as_ptr(), item.light().wire().as_ptr());
    }

    #[test]
    fn the_typed_form_is_the_same_from_bytes_and_from_the_tree() {
        let value = Value::from_object(object());
        let item = Item::new(value.clone(), Revision::new(7));
        let from_tree = item.typed::<Json>().unwrap();
        value.cool();
        assert_eq!(from_tree, item.typed::<Json>().unwrap());
        assert_eq!(from_tree["metadata"], json!({"name": "a", "resourceVersion": "7"}));
        let whole = item.to_object().unwrap();
        assert_eq!(
            (whole.resource_version(), whole.meta("managedFields")),
            ("7", Some(&json!([])))
        );
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
        assert_eq!(later.key(), ObjectKey::cluster("a"));
        let back = Item::from_wire(later.wire());
        assert_eq!(back, later);
        assert_eq!(Item::from_wire(Bytes::from_static(b"{}")).revision(), Revision::ZERO);
    }

    #[test]
    fn bytes_that_are_no_object_are_an_error_not_a_panic() {
        let item = Item::new(Value::from_bytes(&b"\xff["[..]), Revision::new(1));
        assert!(item.tree().is_err());
        assert!(item.typed::<Json>().is_err());
        assert_eq!(&item.wire()[..], b"\xff[");
    }
}
