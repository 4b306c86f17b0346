//! Definitions: the types of the schema in the form of OpenAPI.

use orchestrator_core::object::Map;
use orchestrator_core::schema::{Definition, Field, ListKind, MapKind, Scalar, Schema, Type};
use orchestrator_core::{Json, ResourceDef};
use serde_json::json;

use super::Dialect;
use super::kinds::{Words, words};

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// The definitions of one document, each added with all that it refers to.
pub(super) struct Definitions {
    pub(super) dialect: Dialect,
    made: Map,
}

impl Definitions {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, made: Map::new() }
    }

    pub(super) fn into_json(self) -> Json {
        Json::Object(self.made)
    }

    /// The reference to a resource's own kind.
    pub(super) fn kind(&mut self, def: &ResourceDef) -> Json {
        let named = def.definition.as_deref().and_then(|name| def.schema.definition(name));
        let gvr = &def.gvr;
        let built_in = || Schema::builtin().kind(&gvr.group, &gvr.version, &def.kind);
        match (named, built_in()) {
            (Some(definition), _) => self.custom_or_built_in(def, definition),
            (None, Some(definition)) => self.add(Schema::builtin(), definition),
            (None, None) => self.open_kind(def),
        }
    }

    /// The reference to the list of a resource's kind.
    pub(super) fn list(&mut self, def: &ResourceDef) -> Json {
        let list_kind = format!("{}List", def.kind);
        let gvr = &def.gvr;
        if let Some(list) = Schema::builtin().kind(&gvr.group, &gvr.version, &list_kind) {
            return self.add(Schema::builtin(), list);
        }
        let items = self.kind(def);
        let name = custom_name(def, &list_kind);
        let metadata = self.builtin(LIST_META);
        let mut list = json!({
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": self.wrapped(metadata),
                "items": {"type": "array", "items": items},
            },
        });
        list["x-kubernetes-group-version-kind"] =
            json!([{"group": gvr.group, "version": gvr.version, "kind": list_kind}]);
        self.made.insert(name.clone(), list);
        self.dialect.reference(&name)
    }

    /// The reference to a kind of the built-in schema; nothing where there is no such kind.
    pub(super) fn builtin_kind(&mut self, group: &str, version: &str, kind: &str) -> Option<Json> {
        let definition = Schema::builtin().kind(group, version, kind)?;
        Some(self.add(Schema::builtin(), definition))
    }

    /// The reference to a definition of the built-in schema.
    pub(super) fn builtin(&mut self, name: &str) -> Json {
        if let Some(definition) = Schema::builtin().definition(name) {
            return self.add(Schema::builtin(), definition);
        }
        self.made.entry(name).or_insert_with(|| json!({"type": "object"}));
        self.dialect.reference(name)
    }

    fn custom_or_built_in(&mut self, def: &ResourceDef, definition: &Definition) -> Json {
        if Schema::builtin().definition(&definition.name).is_some() {
            return self.add(&def.schema, definition);
        }
        let name = custom_name(def, &def.kind);
        if !self.made.contains_key(&name) {
            self.made.insert(name.clone(), Json::Null);
            let mut body = self.body(&def.schema, definition);
            self.complete(def, &mut body);
            self.made.insert(name.clone(), body);
        }
        self.dialect.reference(&name)
    }

    /// A kind of which nothing but its name is known.
    fn open_kind(&mut self, def: &ResourceDef) -> Json {
        let name = custom_name(def, &def.kind);
        if !self.made.contains_key(&name) {
            let mut body = json!({
                "type": "object", "properties": {}, "x-kubernetes-preserve-unknown-fields": true,
            });
            self.complete(def, &mut body);
            self.made.insert(name.clone(), body);
        }
        self.dialect.reference(&name)
    }

    /// Gives a custom kind the fields that all kinds have.
    fn complete(&mut self, def: &ResourceDef, body: &mut Json) {
        let metadata = self.builtin(OBJECT_META);
        let metadata = self.wrapped(metadata);
        let gvr = &def.gvr;
        body["properties"]["apiVersion"] = json!({"type": "string"});
        body["properties"]["kind"] = json!({"type": "string"});
        body["properties"]["metadata"] = metadata;
        body["x-kubernetes-group-version-kind"] =
            json!([{"group": gvr.group, "version": gvr.version, "kind": def.kind}]);
    }

    fn add(&mut self, schema: &Schema, definition: &Definition) -> Json {
        let name = definition.name.as_ref();
        if !self.made.contains_key(name) {
            // Types may refer to themselves: the name is taken before the body is made.
            self.made.insert(name.into(), Json::Null);
            let body = self.body(schema, definition);
            self.made.insert(name.into(), body);
        }
        self.dialect.reference(name)
    }

    fn body(&mut self, schema: &Schema, definition: &Definition) -> Json {
        let words = words(&definition.name);
        let mut body = match definition.alias {
            Some(scalar) => self.alias(scalar),
            None => self.structure(schema, definition, words),
        };
        if let Some(words) = words.filter(|words| !words.description.is_empty()) {
            body["description"] = words.description.as_str().into();
        }
        let kinds = definition.kinds.iter().filter(|gvk| gvk.group != "*" && gvk.version != "*");
        let kinds: Vec<_> = kinds
            .map(|gvk| json!({"group": gvk.group, "version": gvk.version, "kind": gvk.kind}))
            .collect();
        if !kinds.is_empty() {
            body["x-kubernetes-group-version-kind"] = kinds.into();
        }
        body
    }

    fn structure(
        &mut self,
        schema: &Schema,
        definition: &Definition,
        words: Option<&Words>,
    ) -> Json {
        let mut body = json!({"type": "object"});
        let mut properties = Map::new();
        for field in &definition.fields {
            let words = words.and_then(|words| words.fields.get(field.name.as_ref()));
            properties.insert(field.name.as_ref().into(), self.field(schema, field, words));
        }
        if !properties.is_empty() {
            body["properties"] = properties.into();
        }
        let required = definition.fields.iter().filter(|field| field.required);
        let required: Vec<_> = required.map(|field| field.name.as_ref()).collect();
        if !required.is_empty() {
            body["required"] = required.into();
        }
        if definition.map == MapKind::Atomic {
            body["x-kubernetes-map-type"] = "atomic".into();
        }
        if definition.open {
            body["x-kubernetes-preserve-unknown-fields"] = true.into();
        }
        if !definition.unions.is_empty() {
            body["x-kubernetes-unions"] = definition.unions.iter().map(union).collect();
        }
        body
    }

    fn field(&mut self, schema: &Schema, field: &Field, words: Option<&String>) -> Json {
        let mut property = self.ty(schema, &field.ty);
        if property.get("$ref").is_some() {
            property = self.wrapped(property);
        }
        if let Some(words) = words.filter(|words| !words.is_empty()) {
            property["description"] = words.as_str().into();
        }
        if let Some(default) = &field.default {
            property["default"] = Json::clone(default);
        }
        if !field.values.is_empty() {
            property["enum"] =
                field.values.iter().map(|value| Json::from(value.as_ref())).collect();
        }
        let patch = &field.patch;
        let strategies =
            [(patch.merge, "merge"), (patch.replace, "replace"), (patch.retain_keys, "retainKeys")];
        let strategies: Vec<_> =
            strategies.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
        if !strategies.is_empty() {
            property["x-kubernetes-patch-strategy"] = strategies.join(",").into();
        }
        if let Some(key) = &patch.merge_key {
            property["x-kubernetes-patch-merge-key"] = key.as_ref().into();
        }
        property
    }

    /// A reference that something can stand beside: OpenAPI 3 ignores what stands beside `$ref`.
    fn wrapped(&self, reference: Json) -> Json {
        match self.dialect {
            Dialect::V2 => reference,
            Dialect::V3 => json!({"allOf": [reference]}),
        }
    }

    fn ty(&mut self, schema: &Schema, ty: &Type) -> Json {
        match ty {
            Type::Scalar(scalar) => self.scalar(*scalar),
            Type::Ref(id, kind) => {
                let reference = self.add(schema, schema.get(*id));
                match map_type(*kind) {
                    Some(word) => {
                        let mut wrapped = self.wrapped(reference);
                        wrapped["x-kubernetes-map-type"] = word.into();
                        wrapped
                    }
                    None => reference,
                }
            }
            Type::List(list) => {
                let mut body = json!({"type": "array", "items": self.ty(schema, &list.items)});
                match &list.kind {
                    ListKind::Undeclared => {}
                    ListKind::Atomic => body["x-kubernetes-list-type"] = "atomic".into(),
                    ListKind::Set => body["x-kubernetes-list-type"] = "set".into(),
                    ListKind::Map(keys) => {
                        body["x-kubernetes-list-type"] = "map".into();
                        body["x-kubernetes-list-map-keys"] =
                            keys.iter().map(|key| Json::from(key.as_ref())).collect();
                    }
                }
                body
            }
            Type::Map(map) => {
                let values = self.ty(schema, &map.values);
                let mut body = json!({"type": "object", "additionalProperties": values});
                if let Some(word) = map_type(map.kind) {
                    body["x-kubernetes-map-type"] = word.into();
                }
                body
            }
        }
    }

    /// A single value in the place of a field: those with a name of their own are referred to.
    fn scalar(&mut self, scalar: Scalar) -> Json {
        let name = match scalar {
            Scalar::Quantity => "io.k8s.apimachinery.pkg.api.resource.Quantity",
            Scalar::IntOrString => "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
            Scalar::Time => "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
            Scalar::MicroTime => "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
            Scalar::RawExtension => "io.k8s.apimachinery.pkg.runtime.RawExtension",
            Scalar::FieldsV1 => "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
            Scalar::Json => "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
            other => return self.alias(other),
        };
        self.builtin(name)
    }

    /// A single value, spelled out.
    fn alias(&self, scalar: Scalar) -> Json {
        match (scalar, self.dialect) {
            (Scalar::String, _) => json!({"type": "string"}),
            (Scalar::Bytes, _) => json!({"type": "string", "format": "byte"}),
            (Scalar::Int, _) => json!({"type": "integer", "format": "int32"}),
            (Scalar::Int64, _) => json!({"type": "integer", "format": "int64"}),
            (Scalar::Number, _) => json!({"type": "number", "format": "double"}),
            (Scalar::Bool, _) => json!({"type": "boolean"}),
            (Scalar::Quantity, Dialect::V2) => json!({"type": "string"}),
            (Scalar::Quantity, Dialect::V3) => {
                json!({"oneOf": [{"type": "string"}, {"type": "number"}]})
            }
            (Scalar::IntOrString, Dialect::V2) => {
                json!({"type": "string", "format": "int-or-string"})
            }
            (Scalar::IntOrString, Dialect::V3) => json!({
                "format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}],
            }),
            (Scalar::Time | Scalar::MicroTime, _) => {
                json!({"type": "string", "format": "date-time"})
            }
            (Scalar::RawExtension | Scalar::FieldsV1 | Scalar::Object, _) => {
                json!({"type": "object"})
            }
            _ => json!({}),
        }
    }
}

fn map_type(kind: MapKind) -> Option<&'static str> {
    match kind {
        MapKind::Undeclared => None,
        MapKind::Granular => Some("granular"),
        MapKind::Atomic => Some("atomic"),
    }
}

fn union(union: &orchestrator_core::schema::Union) -> Json {
    let members = union.members.iter();
    let fields: Map =
        members.map(|(field, value)| (field.as_ref().into(), value.as_ref().into())).collect();
    let mut body = json!({"fields-to-discriminateBy": fields});
    if !union.discriminator.is_empty() {
        body["discriminator"] = union.discriminator.as_ref().into();
    }
    body
}

/// The name of a kind that is not built in: its group backwards, version and kind.
fn custom_name(def: &ResourceDef, kind: &str) -> String {
    let mut parts: Vec<&str> = def.gvr.group.split('.').rev().filter(|p| !p.is_empty()).collect();
    parts.extend([def.gvr.version.as_ref(), kind]);
    parts.join(".")
}
