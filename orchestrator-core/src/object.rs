//! Objects as trees of JSON, with typed access to the metadata that all kinds share.

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Json;

/// A JSON object: one Kubernetes object of any kind, or a part of one.
pub type Map = serde_json::Map;

/// The name of a field, or the key of a map.
pub type Key = serde_json::Key;

/// A Kubernetes object of any kind as a tree of JSON.
///
/// Reading a missing or wrongly typed field gives the empty value, as the accessors of typed
/// objects do; whether the types are right is decided once, when a request body is decoded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Object(Map);

impl Object {
    /// An object of the given version and kind without anything else.
    pub fn new(api_version: impl Into<String>, kind: impl Into<String>) -> Self {
        let mut map = Map::new();
        map.insert("apiVersion".into(), Json::String(api_version.into()));
        map.insert("kind".into(), Json::String(kind.into()));
        map.insert("metadata".into(), Json::Object(Map::new()));
        Self(map)
    }

    /// The tree of a typed object.
    ///
    /// # Errors
    /// The type's own: a map key that is no string, a non-finite number.
    pub fn from_typed<K: Serialize>(typed: &K) -> Result<Self, serde_json::Error> {
        match serde_json::to_value(typed)? {
            Json::Object(map) => Ok(Self(map)),
            _ => Err(serde::ser::Error::custom("not an object")),
        }
    }

    /// The typed object of this tree.
    ///
    /// # Errors
    /// A field has the wrong type.
    pub fn to_typed<K: DeserializeOwned>(&self) -> Result<K, serde_json::Error> {
        K::deserialize(serde::de::value::MapDeserializer::new(
            self.0.iter().map(|(key, value)| (key.as_str(), value)),
        ))
    }

    /// The tree itself.
    pub fn as_map(&self) -> &Map {
        &self.0
    }

    /// The tree itself, to change.
    pub fn as_map_mut(&mut self) -> &mut Map {
        &mut self.0
    }

    /// The tree, owned.
    pub fn into_map(self) -> Map {
        self.0
    }

    /// The tree as a JSON value, owned.
    pub fn into_json(self) -> Json {
        Json::Object(self.0)
    }

    /// The top-level field `name`.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    /// Sets the top-level field `name`.
    pub fn set(&mut self, name: &str, value: impl Into<Json>) {
        self.0.insert(name.into(), value.into());
    }

    /// Removes the top-level field `name`.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        self.0.remove(name)
    }

    /// The value at `path`, a list of field names.
    pub fn at(&self, path: &[&str]) -> Option<&Json> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(first)?, |value, step| value.get(*step))
    }

    /// The text at `path`; empty where it is missing.
    pub fn text_at(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Json::as_str).unwrap_or_default()
    }

    /// The integer at `path`.
    pub fn int_at(&self, path: &[&str]) -> Option<i64> {
        self.at(path).and_then(Json::as_i64)
    }

    /// The map at the top-level field `name`, made where it is missing or is no map.
    pub fn map_mut(&mut self, name: &str) -> &mut Map {
        map_entry(&mut self.0, name)
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        self.0.get("apiVersion").and_then(Json::as_str).unwrap_or_default()
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        self.0.get("kind").and_then(Json::as_str).unwrap_or_default()
    }

    /// The field `name` of the metadata.
    pub fn meta(&self, name: &str) -> Option<&Json> {
        self.0.get("metadata")?.get(name)
    }

    fn meta_text(&self, name: &str) -> &str {
        self.meta(name).and_then(Json::as_str).unwrap_or_default()
    }

    /// The metadata, made where it is missing.
    pub fn meta_mut(&mut self) -> &mut Map {
        self.map_mut("metadata")
    }

    /// Sets a field of the metadata; an empty text, list, map or null removes it.
    pub fn set_meta(&mut self, name: &str, value: impl Into<Json>) {
        let value = value.into();
        if is_empty(&value) {
            self.meta_mut().remove(name);
        } else {
            self.meta_mut().insert(name.into(), value);
        }
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.meta_text("name")
    }

    /// `metadata.namespace`; empty for a cluster-scoped object.
    pub fn namespace(&self) -> &str {
        self.meta_text("namespace")
    }

    /// `metadata.generateName`.
    pub fn generate_name(&self) -> &str {
        self.meta_text("generateName")
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        self.meta_text("uid")
    }

    /// `metadata.resourceVersion`; empty in what the store holds.
    pub fn resource_version(&self) -> &str {
        self.meta_text("resourceVersion")
    }

    /// `metadata.generation`, 0 where it is missing.
    pub fn generation(&self) -> i64 {
        self.meta("generation").and_then(Json::as_i64).unwrap_or_default()
    }

    /// `metadata.creationTimestamp`.
    pub fn creation_timestamp(&self) -> &str {
        self.meta_text("creationTimestamp")
    }

    /// `metadata.deletionTimestamp`; `None` where the object is not being deleted.
    pub fn deletion_timestamp(&self) -> Option<&str> {
        self.meta("deletionTimestamp").and_then(Json::as_str)
    }

    /// `metadata.labels`.
    pub fn labels(&self) -> Option<&Map> {
        self.meta("labels").and_then(Json::as_object)
    }

    /// The label `key`.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels()?.get(key)?.as_str()
    }

    /// `metadata.annotations`.
    pub fn annotations(&self) -> Option<&Map> {
        self.meta("annotations").and_then(Json::as_object)
    }

    /// The annotation `key`.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations()?.get(key)?.as_str()
    }

    /// `metadata.finalizers`.
    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        let list = self.meta("finalizers").and_then(Json::as_array);
        list.into_iter().flatten().filter_map(Json::as_str)
    }

    /// `metadata.ownerReferences`.
    pub fn owner_references(&self) -> impl Iterator<Item = &Map> {
        let list = self.meta("ownerReferences").and_then(Json::as_array);
        list.into_iter().flatten().filter_map(Json::as_object)
    }

    /// Namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(self.namespace(), self.name())
    }
}

impl From<Map> for Object {
    fn from(map: Map) -> Self {
        Self(map)
    }
}

/// The map below `parent` at `name`, made where it is missing or is no map.
pub fn map_entry<'a>(parent: &'a mut Map, name: &str) -> &'a mut Map {
    if !parent.get(name).is_some_and(Json::is_object) {
        parent.insert(name.into(), Json::Object(Map::new()));
    }
    parent.get_mut(name).and_then(Json::as_object_mut).expect("made above")
}

/// Whether a value is what Go leaves out with `omitempty`: null, an empty text, list or map.
pub fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Namespace and name: what a work queue and a cache know an object by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The namespace; empty for a cluster-scoped object.
    pub namespace: Cow<'static, str>,
    /// The name.
    pub name: Cow<'static, str>,
}

impl ObjectKey {
    /// The key of `name` in `namespace`, which is empty for a cluster-scoped object.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: Cow::Owned(namespace.into()), name: Cow::Owned(name.into()) }
    }

    /// The key of a cluster-scoped object.
    pub fn cluster(name: impl Into<String>) -> Self {
        Self::new(String::new(), name)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            return f.write_str(&self.name);
        }
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn missing_and_wrongly_typed_metadata_reads_as_empty() {
        let object: Object =
            serde_json::from_value(json!({"metadata": {"name": "a", "labels": []}})).unwrap();
        assert_eq!((object.name(), object.namespace(), object.generation()), ("a", "", 0));
        assert!(object.labels().is_none());
        assert_eq!(object.finalizers().count(), 0);
        assert_eq!(object.key().to_string(), "a");
        assert_eq!(ObjectKey::new("n", "a").to_string(), "n/a");
    }

    #[test]
    fn an_empty_metadata_value_removes_the_field() {
        let mut object = Object::new("v1", "Pod");
        object.set_meta("name", "a");
        object.set_meta("uid", "u");
        object.set_meta("uid", "");
        assert_eq!(object.into_json()["metadata"], json!({"name": "a"}));
    }
}
