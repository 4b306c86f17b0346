//! Definitions that have no Rust type, such as those of an embedder's own kinds, as schemas.

use orchestrator_core::Json;
use orchestrator_core::object::{Key, Map};
use orchestrator_core::schema::{Definition, Scalar, Schema, Type};
use serde_json::json;

use super::types::SCHEMAS;

/// The plain schema of `definition`.
pub(super) fn definition(schema: &Schema, definition: &Definition) -> Json {
    if let Some(alias) = definition.alias {
        return scalar(alias);
    }
    let mut properties = Map::new();
    let mut required: Vec<Json> = Vec::new();
    for field in &definition.fields {
        let mut property = of(schema, &field.ty);
        if !field.values.is_empty() {
            let values: Vec<Json> = field.values.iter().map(|v| v.as_ref().into()).collect();
            property["enum"] = values.into();
        }
        properties.insert(Key::new(&field.name), property);
        if field.required {
            required.push(field.name.as_ref().into());
        }
    }
    let mut rendered = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        rendered["required"] = required.into();
    }
    if definition.open {
        rendered["x-kubernetes-preserve-unknown-fields"] = true.into();
    }
    rendered
}

fn of(schema: &Schema, ty: &Type) -> Json {
    match ty {
        Type::Scalar(kind) => scalar(*kind),
        Type::List(list) => json!({"type": "array", "items": of(schema, &list.items)}),
        Type::Map(mapping) => {
            json!({"type": "object", "additionalProperties": of(schema, &mapping.values)})
        }
        Type::Ref(id, _) => json!({"$ref": format!("{SCHEMAS}{}", schema.get(*id).name)}),
    }
}

/// Says of a type that is a number or a text which of them it may be: the Rust types only mark it.
pub(super) fn spell_out(scalar: Scalar, published: &mut Json) {
    let Some(map) = published.as_object_mut() else { return };
    let either = match scalar {
        Scalar::Quantity => json!([{"type": "string"}, {"type": "number"}]),
        Scalar::IntOrString => {
            map.insert("format".into(), "int-or-string".into());
            json!([{"type": "integer"}, {"type": "string"}])
        }
        _ => return,
    };
    map.remove("type");
    map.remove("x-kubernetes-int-or-string");
    map.insert("oneOf".into(), either);
}

fn scalar(scalar: Scalar) -> Json {
    match scalar {
        Scalar::String | Scalar::Quantity => json!({"type": "string"}),
        Scalar::Bytes => json!({"type": "string", "format": "byte"}),
        Scalar::Int => json!({"type": "integer", "format": "int32"}),
        Scalar::Int64 => json!({"type": "integer", "format": "int64"}),
        Scalar::Number => json!({"type": "number", "format": "double"}),
        Scalar::Bool => json!({"type": "boolean"}),
        Scalar::Time | Scalar::MicroTime => json!({"type": "string", "format": "date-time"}),
        Scalar::IntOrString => json!({"x-kubernetes-int-or-string": true}),
        _ => json!({}),
    }
}
