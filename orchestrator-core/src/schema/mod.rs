//! Schemas: which fields a kind has, and how lists and maps in it merge.
//!
//! A [`Schema`] is a set of [`Definition`]s that refer to one another. The one of the built-in
//! kinds, [`Schema::builtin`], is a table of facts recorded from a server: `table.txt`, which
//! `generate.py` writes and `table` reads once per process. A custom resource brings its own,
//! made from its OpenAPI schema by [`Schema::from_openapi`].
//!
//! [`decode`] reads request bodies under a schema; the strategic merge patch and server-side
//! apply take merge keys and list types from it.

pub mod decode;
mod openapi;
mod scalar;
mod table;
mod types;
mod zero;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use rustc_hash::FxHashMap;

use crate::Json;

pub use openapi::OpenApiError;
pub use scalar::{Scalar, ScalarError};
pub use types::{
    DefId, Definition, Field, Gvk, List, ListKind, MapKind, Mapping, PatchRule, Type, Union,
};

/// A text of a schema: borrowed from the built-in table, or owned by a schema made at run time.
pub type Text = Cow<'static, str>;

/// How strictly values are held to the schema when a body is decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    /// Go types stand behind the schema: a value of the wrong type cannot be decoded, and what
    /// Go does not write again (null, an empty optional list) is left out.
    #[default]
    Typed,
    /// An OpenAPI schema of a custom resource: unknown fields are dropped, wrong types are left
    /// to validation.
    Structural,
}

/// A set of definitions.
#[derive(Debug, Default)]
pub struct Schema {
    definitions: Vec<Definition>,
    by_name: FxHashMap<Text, DefId>,
    by_kind: FxHashMap<Text, Vec<DefId>>,
    /// What it was made from, where that is an OpenAPI schema.
    source: Option<Box<Json>>,
}

impl Schema {
    /// The schema of all built-in kinds.
    pub fn builtin() -> &'static Arc<Schema> {
        static BUILTIN: LazyLock<Arc<Schema>> = LazyLock::new(|| {
            let table = include_str!("table.txt");
            Arc::new(table::parse(table).expect("the table is generated and tested"))
        });
        &BUILTIN
    }

    /// The definition of the given full name, such as `io.k8s.api.core.v1.Pod`.
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        self.by_name.get(name).map(|id| self.get(*id))
    }

    /// The definition of a kind.
    ///
    /// `DeleteOptions` and `WatchEvent` belong to every group and version.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<&Definition> {
        let ids = self.by_kind.get(kind)?;
        let serves = |id: &&DefId| {
            self.get(**id).kinds.iter().any(|gvk| {
                (gvk.group == "*" || gvk.group == group)
                    && (gvk.version == "*" || gvk.version == version)
            })
        };
        ids.iter().find(serves).map(|id| self.get(*id))
    }

    /// The definition of the kind that an object's `apiVersion` and `kind` name.
    pub fn kind_of(&self, api_version: &str, kind: &str) -> Option<&Definition> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.kind(group, version, kind)
    }

    /// The definition behind a reference of this schema.
    pub fn get(&self, id: DefId) -> &Definition {
        &self.definitions[id.0 as usize]
    }

    /// The OpenAPI schema that this one was made from at run time.
    pub fn source(&self) -> Option<&Json> {
        self.source.as_deref()
    }

    /// All definitions in the order of their names.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.iter()
    }

    fn build(mut definitions: Vec<Definition>) -> Self {
        definitions.iter_mut().for_each(Definition::index);
        let mut schema = Self { definitions, ..Self::default() };
        for (id, definition) in (0..).map(DefId).zip(&schema.definitions) {
            schema.by_name.insert(definition.name.clone(), id);
            for gvk in &definition.kinds {
                schema.by_kind.entry(gvk.kind.clone()).or_default().push(id);
            }
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_found_by_name_and_by_kind() {
        let schema = Schema::builtin();
        let pod = schema.definition("io.k8s.api.core.v1.Pod").unwrap();
        assert!(std::ptr::eq(pod, schema.kind("", "v1", "Pod").unwrap()));
        assert!(std::ptr::eq(pod, schema.kind_of("v1", "Pod").unwrap()));
        assert!(schema.kind_of("apps/v1", "Deployment").is_some());
        assert!(schema.kind_of("apps/v1", "Pod").is_none());
        assert!(schema.kind("any.group", "v7", "DeleteOptions").is_some());
        assert!(schema.definition("io.k8s.api.core.v1.Nothing").is_none());
    }

    #[test]
    fn a_field_knows_how_it_merges() {
        let schema = Schema::builtin();
        let spec = schema.definition("io.k8s.api.core.v1.PodSpec").unwrap();
        let containers = spec.field("containers").unwrap();
        assert!(containers.required);
        assert_eq!(containers.patch.merge_key.as_deref(), Some("name"));
        let Type::List(list) = &containers.ty else { panic!("a list") };
        assert_eq!(list.kind, ListKind::Map(Box::new(["name".into()])));
        let Type::Ref(container, _) = &list.items else { panic!("a reference") };
        assert_eq!(schema.get(*container).short_name(), "Container");
        assert!(spec.field("nothing").is_none());
    }
}
