//! A few fields of a value, without decoding the rest.
//!
//! A selector looks at the labels and at a field or two of each of ten thousand objects, most of
//! which are cold; what is around these is skipped over as text.

use std::sync::Arc;

use super::{DecodeError, Value};
use crate::Json;
use crate::object::{Map, Object, map_entry};
use crate::scan::Members;

/// The names that lead from the whole to a field.
pub type FieldPath = Box<[Box<str>]>;

impl Value {
    /// The tree of a warm value, which may lack `metadata.managedFields`; of a cold one, what
    /// `paths` name of it.
    ///
    /// # Errors
    /// The bytes are no JSON object.
    pub fn sketch(&self, paths: &[FieldPath]) -> Result<Arc<Object>, DecodeError> {
        if self.inner.forms.lock().is_some() {
            return self.lean();
        }
        let bytes = self.bytes();
        if Members::new(bytes, 0).is_none() {
            return self.lean();
        }
        let mut sketch = Map::new();
        for path in paths {
            if let Some(found) = at(bytes, path) {
                put(&mut sketch, path, serde_json::from_slice(found).map_err(DecodeError)?);
            }
        }
        Ok(Arc::new(Object::from(sketch)))
    }
}

/// The text at `path`.
fn at<'b>(bytes: &'b [u8], path: &[Box<str>]) -> Option<&'b [u8]> {
    let mut place = 0..bytes.len();
    for step in path {
        place = Members::new(bytes, place.start)?.find(step.as_bytes())?.value;
    }
    bytes.get(place)
}

fn put(map: &mut Map, path: &[Box<str>], value: Json) {
    match path {
        [] => {}
        [last] => drop(map.insert((&**last).into(), value)),
        [first, rest @ ..] => put(map_entry(map, first), rest, value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> FieldPath {
        text.split('.').map(Into::into).collect()
    }

    #[test]
    fn a_cold_value_shows_what_is_asked_for() {
        let whole = json!({"metadata": {"labels": {"a": "}\""}, "name": "n"},
            "spec": {"x": [{"nodeName": "no"}], "nodeName": "yes"}});
        let value = Value::from_bytes(whole.to_string());
        let paths = [path("metadata.labels"), path("spec.nodeName"), path("status.phase")];
        let sketch = value.sketch(&paths).unwrap();
        let wanted = json!({"metadata": {"labels": {"a": "}\""}}, "spec": {"nodeName": "yes"}});
        assert_eq!(Object::clone(&sketch).into_json(), wanted);
        value.warm();
        assert_eq!(Object::clone(&value.sketch(&paths).unwrap()).into_json(), whole);
        assert!(Value::from_bytes("[").sketch(&paths).is_err());
    }
}
