//! Reading trees of JSON: a missing field and one of the wrong type read as the empty value.

use orchestrator_core::Json;
use orchestrator_core::object::Map;

static NULL: Json = Json::Null;

/// Reads fields of a tree.
pub(crate) trait Fields {
    /// The field `name`; null where it is missing.
    fn sub(&self, name: &str) -> &Json;

    /// Whether the field is there and not null.
    fn has(&self, name: &str) -> bool {
        !self.sub(name).is_null()
    }

    /// The text `name`.
    fn text(&self, name: &str) -> &str {
        self.sub(name).as_str().unwrap_or_default()
    }

    /// The truth value `name`.
    fn flag(&self, name: &str) -> bool {
        self.sub(name).as_bool().unwrap_or_default()
    }

    /// The list `name`.
    fn list(&self, name: &str) -> &[Json] {
        self.sub(name).as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The texts of the list `name`.
    fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.list(name).iter().filter_map(Json::as_str)
    }

    /// The entries of the map `name`.
    fn entries<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a Json)> {
        let map = self.sub(name).as_object();
        map.into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }
}

impl Fields for Json {
    fn sub(&self, name: &str) -> &Json {
        self.as_object().map_or(&NULL, |map| map.sub(name))
    }
}

impl Fields for Map {
    fn sub(&self, name: &str) -> &Json {
        self.get(name).unwrap_or(&NULL)
    }
}
