//! Reading and filling trees of JSON the way the rules of kinds need it.
//!
//! Whether types are right was decided when the body was decoded, so a missing field, a null and
//! a value of the wrong type all read as the empty value. Nothing here allocates when it reads.

use orchestrator_core::object::{Map, is_empty, map_entry};
use orchestrator_core::{Json, Object};

static NULL: Json = Json::Null;

/// Reads fields of a tree.
pub trait Fields {
    /// The field `name`; null where it is missing.
    fn sub(&self, name: &str) -> &Json;

    /// The field `name` if it is there and not null.
    #[inline]
    fn get_set(&self, name: &str) -> Option<&Json> {
        let value = self.sub(name);
        (!value.is_null()).then_some(value)
    }

    /// Whether the field is there and not null.
    #[inline]
    fn has(&self, name: &str) -> bool {
        !self.sub(name).is_null()
    }

    /// The text `name`, empty where it is missing.
    #[inline]
    fn text(&self, name: &str) -> &str {
        self.sub(name).as_str().unwrap_or_default()
    }

    /// The integer `name`.
    #[inline]
    fn int(&self, name: &str) -> Option<i64> {
        self.sub(name).as_i64()
    }

    /// The truth value `name`; false where it is missing.
    #[inline]
    fn flag(&self, name: &str) -> bool {
        self.sub(name).as_bool().unwrap_or_default()
    }

    /// The list `name`, empty where it is missing.
    #[inline]
    fn list(&self, name: &str) -> &[Json] {
        self.sub(name).as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The texts of the list `name`.
    fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.list(name).iter().map(|item| item.as_str().unwrap_or_default())
    }

    /// The map `name`.
    #[inline]
    fn map(&self, name: &str) -> Option<&Map> {
        self.sub(name).as_object()
    }

    /// The entries of the map `name`.
    fn entries<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a Json)> {
        self.map(name).into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }
}

impl Fields for Json {
    #[inline]
    fn sub(&self, name: &str) -> &Json {
        self.as_object().map_or(&NULL, |map| map.sub(name))
    }
}

impl Fields for Map {
    #[inline]
    fn sub(&self, name: &str) -> &Json {
        self.get(name).unwrap_or(&NULL)
    }
}

impl Fields for Object {
    #[inline]
    fn sub(&self, name: &str) -> &Json {
        self.as_map().sub(name)
    }
}

/// Fills in fields of a tree.
pub trait Fill {
    /// Sets the field where it is missing or null.
    fn fill(&mut self, name: &str, value: impl Into<Json>);

    /// Sets the field where it is missing, null, or the empty text.
    fn fill_text(&mut self, name: &str, value: &str);

    /// Sets the field where it is missing, null or 0.
    fn fill_number(&mut self, name: &str, value: i64);

    /// Removes the field if it is null or an empty text, list or map.
    fn drop_empty(&mut self, name: &str);

    /// Writes a list that must be written: null where it is missing or empty.
    fn null_list(&mut self, name: &str);

    /// The map `name`, if it is there.
    fn map_at(&mut self, name: &str) -> Option<&mut Map>;

    /// The maps of the list `name`.
    fn maps_of(&mut self, name: &str) -> impl Iterator<Item = &mut Map>;

    /// The map `name`, made where it is missing.
    fn map_made(&mut self, name: &str) -> &mut Map;
}

impl Fill for Map {
    #[inline]
    fn fill(&mut self, name: &str, value: impl Into<Json>) {
        if !self.has(name) {
            self.insert(name.into(), value.into());
        }
    }

    #[inline]
    fn fill_text(&mut self, name: &str, value: &str) {
        if self.text(name).is_empty() {
            self.insert(name.into(), value.into());
        }
    }

    fn fill_number(&mut self, name: &str, value: i64) {
        if self.int(name).unwrap_or_default() == 0 {
            self.insert(name.into(), value.into());
        }
    }

    fn drop_empty(&mut self, name: &str) {
        if self.get(name).is_some_and(is_empty) {
            self.remove(name);
        }
    }

    fn null_list(&mut self, name: &str) {
        if self.list(name).is_empty() {
            self.insert(name.into(), Json::Null);
        }
    }

    #[inline]
    fn map_at(&mut self, name: &str) -> Option<&mut Map> {
        self.get_mut(name)?.as_object_mut()
    }

    #[inline]
    fn maps_of(&mut self, name: &str) -> impl Iterator<Item = &mut Map> {
        let items = self.get_mut(name).and_then(Json::as_array_mut);
        items.into_iter().flatten().filter_map(Json::as_object_mut)
    }

    fn map_made(&mut self, name: &str) -> &mut Map {
        map_entry(self, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_missing_null_or_wrong_reads_as_empty() {
        let tree = json!({"a": null, "b": 1, "c": [1, "x"], "d": {"e": "f"}});
        assert!(!tree.has("a") && !tree.has("z") && tree.has("b"));
        assert_eq!((tree.text("b"), tree.int("b"), tree.list("d").len()), ("", Some(1), 0));
        assert_eq!(tree.texts("c").collect::<Vec<_>>(), ["", "x"]);
        assert_eq!(tree.sub("d").text("e"), "f");
        assert_eq!(tree.sub("b").sub("e"), &Json::Null);
    }

    #[test]
    fn filling_leaves_what_is_there() {
        let mut tree = json!({"a": null, "b": "", "c": 0, "d": false});
        let map = tree.as_object_mut().unwrap();
        map.fill("a", 1);
        map.fill("d", true);
        map.fill_text("b", "x");
        map.fill_number("c", 7);
        assert_eq!(tree, json!({"a": 1, "b": "x", "c": 7, "d": false}));
    }
}
