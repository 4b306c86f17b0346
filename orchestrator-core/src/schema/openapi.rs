//! A schema made from the OpenAPI v3 schema of a custom resource.
//!
//! Every object in it becomes a definition named after its place; the metadata is that of the
//! built-in kinds. `x-kubernetes-*` extensions say how lists and maps merge, what keeps unknown
//! fields, and where a number or a text may stand.

use std::fmt::Write as _;

use super::decode::MAX_DEPTH;
use super::types::Mapping;
use super::{
    DefId, Definition, Field, Flavour, Gvk, List, ListKind, MapKind, PatchRule, Scalar, Schema,
    Text, Type,
};
use crate::Json;
use crate::object::Map;

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Why an OpenAPI schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenApiError {
    /// A part of it is no object.
    #[error("{0}: the schema is no object")]
    NoObject(String),
    /// It nests deeper than any object that could be stored.
    #[error("{0}: the schema nests too deep")]
    Depth(String),
}

impl Schema {
    /// The schema of a custom resource of the kind `gvk` whose objects `openapi` describes.
    ///
    /// `None` for `openapi` gives a schema under which every field is kept.
    ///
    /// # Errors
    /// The description is malformed; the error names the place.
    pub fn from_openapi(gvk: Gvk, openapi: Option<&Json>) -> Result<Schema, OpenApiError> {
        let mut builder = Builder { definitions: Vec::new(), metadata: None, path: String::new() };
        let any = Json::Object(Map::from_iter([(
            "x-kubernetes-preserve-unknown-fields".to_owned(),
            Json::Bool(true),
        )]));
        let openapi = openapi.unwrap_or(&any);
        let root = builder.object(as_object(openapi, "")?, true, 0)?;
        let definition = &mut builder.definitions[root.0 as usize];
        definition.name = Text::Owned(published_name(&gvk));
        definition.kinds.push(gvk);
        let mut schema = Schema::build(builder.definitions);
        schema.source = Some(Box::new(openapi.clone()));
        Ok(schema)
    }
}

/// The name of a kind in published documents, as in `com.example.v1.Widget`.
fn published_name(gvk: &Gvk) -> String {
    let mut parts: Vec<&str> = gvk.group.rsplit('.').collect();
    parts.extend([&*gvk.version, &*gvk.kind]);
    parts.join(".")
}

struct Builder {
    definitions: Vec<Definition>,
    /// Where the built-in ObjectMeta has been copied to.
    metadata: Option<DefId>,
    path: String,
}

impl Builder {
    /// Makes a definition of an object schema; `resource` gives it version, kind and metadata.
    fn object(
        &mut self,
        schema: &Map,
        resource: bool,
        depth: usize,
    ) -> Result<DefId, OpenApiError> {
        let id = DefId(self.definitions.len() as u32);
        let name = if self.path.is_empty() { "resource".into() } else { self.path.clone() };
        self.definitions.push(Definition {
            name: Text::Owned(name),
            map: map_kind(schema),
            open: is_true(schema, "x-kubernetes-preserve-unknown-fields"),
            flavour: Flavour::Structural,
            served: true,
            ..Definition::default()
        });
        let mut fields = Vec::new();
        if resource {
            fields.push(field("apiVersion", Type::Scalar(Scalar::String)));
            fields.push(field("kind", Type::Scalar(Scalar::String)));
            fields.push(field("metadata", Type::Ref(self.metadata(), MapKind::Undeclared)));
        }
        let required = schema.get("required").and_then(Json::as_array);
        for (key, property) in
            schema.get("properties").and_then(Json::as_object).into_iter().flatten()
        {
            if resource && ["apiVersion", "kind", "metadata"].contains(&key.as_str()) {
                continue;
            }
            let mut field = field(key, self.below(key, property, depth)?);
            field.default = property.get("default").cloned().map(Box::new);
            field.required =
                required.is_some_and(|names| names.iter().any(|name| name.as_str() == Some(key)));
            fields.push(field);
        }
        self.definitions[id.0 as usize].fields = fields;
        Ok(id)
    }

    /// The type at the place `step` below the present one.
    fn below(&mut self, step: &str, schema: &Json, depth: usize) -> Result<Type, OpenApiError> {
        let length = self.path.len();
        let _ = write!(self.path, ".{step}");
        if depth >= MAX_DEPTH {
            return Err(OpenApiError::Depth(self.path.clone()));
        }
        let ty = as_object(schema, &self.path).and_then(|schema| self.ty(schema, depth + 1));
        self.path.truncate(length);
        ty
    }

    fn ty(&mut self, schema: &Map, depth: usize) -> Result<Type, OpenApiError> {
        if is_true(schema, "x-kubernetes-int-or-string") {
            return Ok(Type::Scalar(Scalar::IntOrString));
        }
        let scalar = match schema.get("type").and_then(Json::as_str).unwrap_or_default() {
            "string" => Scalar::String,
            "integer" => Scalar::Int64,
            "number" => Scalar::Number,
            "boolean" => Scalar::Bool,
            "array" => {
                let free = Json::Object(Map::new());
                let items = schema.get("items").unwrap_or(&free);
                let items = self.below("items", items, depth)?;
                return Ok(Type::List(Box::new(List { items, kind: list_kind(schema) })));
            }
            "object" => return self.map_or_struct(schema, depth),
            _ => Scalar::Any,
        };
        Ok(Type::Scalar(scalar))
    }

    fn map_or_struct(&mut self, schema: &Map, depth: usize) -> Result<Type, OpenApiError> {
        let resource = is_true(schema, "x-kubernetes-embedded-resource");
        match schema.get("additionalProperties") {
            Some(values) if values.is_object() && !schema.contains_key("properties") => {
                let values = self.below("additionalProperties", values, depth)?;
                Ok(Type::Map(Box::new(Mapping { values, kind: map_kind(schema) })))
            }
            Some(Json::Bool(true)) => {
                let values = Type::Scalar(Scalar::Any);
                Ok(Type::Map(Box::new(Mapping { values, kind: map_kind(schema) })))
            }
            _ => Ok(Type::Ref(self.object(schema, resource, depth)?, MapKind::Undeclared)),
        }
    }

    /// The built-in ObjectMeta, copied with all that it refers to.
    fn metadata(&mut self) -> DefId {
        if let Some(id) = self.metadata {
            return id;
        }
        let source = Schema::builtin();
        let meta = source.by_name.get(OBJECT_META).expect("the table has ObjectMeta");
        let id = self.copy(source, *meta);
        self.metadata = Some(id);
        id
    }

    /// Copies a definition that does not refer to itself.
    fn copy(&mut self, source: &Schema, id: DefId) -> DefId {
        let mut definition = source.get(id).clone();
        for field in &mut definition.fields {
            self.copy_references(source, &mut field.ty);
        }
        // A kind of the same name must not be found by the wrong group.
        definition.kinds.clear();
        self.definitions.push(definition);
        DefId(self.definitions.len() as u32 - 1)
    }

    fn copy_references(&mut self, source: &Schema, ty: &mut Type) {
        match ty {
            Type::Scalar(_) => {}
            Type::List(list) => self.copy_references(source, &mut list.items),
            Type::Map(map) => self.copy_references(source, &mut map.values),
            Type::Ref(id, _) => *id = self.copy(source, *id),
        }
    }
}

fn field(name: &str, ty: Type) -> Field {
    Field {
        name: Text::Owned(name.into()),
        ty,
        required: false,
        default: None,
        values: Box::default(),
        omits_zero: false,
        implied: false,
        patch: PatchRule::default(),
    }
}

fn as_object<'a>(schema: &'a Json, path: &str) -> Result<&'a Map, OpenApiError> {
    schema.as_object().ok_or_else(|| OpenApiError::NoObject(path.into()))
}

fn is_true(schema: &Map, key: &str) -> bool {
    schema.get(key) == Some(&Json::Bool(true))
}

fn map_kind(schema: &Map) -> MapKind {
    match schema.get("x-kubernetes-map-type").and_then(Json::as_str) {
        Some("atomic") => MapKind::Atomic,
        Some("granular") => MapKind::Granular,
        _ => MapKind::Undeclared,
    }
}

fn list_kind(schema: &Map) -> ListKind {
    match schema.get("x-kubernetes-list-type").and_then(Json::as_str) {
        Some("atomic") => ListKind::Atomic,
        Some("set") => ListKind::Set,
        Some("map") => {
            let keys = schema.get("x-kubernetes-list-map-keys").and_then(Json::as_array);
            let keys = keys.into_iter().flatten().filter_map(Json::as_str);
            ListKind::Map(keys.map(|key| Text::Owned(key.into())).collect())
        }
        _ => ListKind::Undeclared,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gvk() -> Gvk {
        Gvk { group: "ex.com".into(), version: "v1".into(), kind: "Widget".into() }
    }

    #[test]
    fn extensions_say_how_lists_and_maps_merge() {
        let schema = Schema::from_openapi(
            gvk(),
            Some(&json!({"type": "object", "properties": {"spec": {"type": "object",
                "x-kubernetes-map-type": "atomic", "required": ["ports"],
                "properties": {
                    "ports": {"type": "array", "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["port"],
                        "items": {"type": "object", "properties": {
                            "port": {"type": "integer", "default": 1}}}},
                    "either": {"x-kubernetes-int-or-string": true},
                    "tags": {"type": "object", "additionalProperties": {"type": "string"}}}}}})),
        )
        .unwrap();
        let root = schema.kind("ex.com", "v1", "Widget").unwrap();
        let Type::Ref(spec, _) = root.field("spec").unwrap().ty else { panic!("a struct") };
        let spec = schema.get(spec);
        assert_eq!((spec.map, &*spec.name), (MapKind::Atomic, ".spec"));
        assert!(spec.field("ports").unwrap().required);
        assert!(matches!(&spec.field("tags").unwrap().ty, Type::Map(_)));
        assert_eq!(spec.field("either").unwrap().ty, Type::Scalar(Scalar::IntOrString));
        let Type::Ref(meta, _) = root.field("metadata").unwrap().ty else { panic!("metadata") };
        assert_eq!(schema.get(meta).flavour, Flavour::Typed);
        assert!(schema.get(meta).field("ownerReferences").is_some());
    }

    #[test]
    fn malformed_schemas_are_refused() {
        let bad = json!({"type": "object", "properties": {"a": 1}});
        assert_eq!(
            Schema::from_openapi(gvk(), Some(&bad)).unwrap_err(),
            OpenApiError::NoObject(".a".into())
        );
        let deep = (0..300).fold(json!({}), |inner, _| json!({"type": "array", "items": inner}));
        let deep = json!({"type": "object", "properties": {"a": deep}});
        assert!(matches!(Schema::from_openapi(gvk(), Some(&deep)), Err(OpenApiError::Depth(_))));
    }
}
