//! JSON trees as messages.

use orchestrator_core::Json;
use orchestrator_core::object::Map;
use orchestrator_core::schema::{Definition, Schema, Type};

use super::scalar;
use super::table::{self, Message, Node};
use super::wire::Writer;

/// Writes the message of a definition; what has no number is left out.
pub(super) fn message(schema: &Schema, definition: &Definition, map: &Map) -> Vec<u8> {
    match table::message(&definition.name) {
        Some(numbers) => fields(schema, definition, numbers, map),
        None => Vec::new(),
    }
}

fn fields(schema: &Schema, definition: &Definition, numbers: &Message, map: &Map) -> Vec<u8> {
    let mut out = Writer::default();
    for (&number, node) in numbers {
        match node {
            Node::Inline(inner) => {
                out.bytes(number, &fields(schema, definition, inner, map));
            }
            Node::Field { name, wrapped } => {
                let field = definition.field(name);
                if let (Some(field), Some(json)) = (field, map.get(name)) {
                    write(schema, &field.ty, number, json, *wrapped, &mut out);
                }
            }
        }
    }
    out.into_bytes()
}

fn write(schema: &Schema, ty: &Type, number: u32, json: &Json, wrapped: bool, out: &mut Writer) {
    match (ty, json) {
        (_, Json::Null) => {}
        (Type::Scalar(kind), json) => scalar::write(out, number, *kind, json),
        (Type::Ref(id, _), json) => {
            let definition = schema.get(*id);
            match (definition.alias, json) {
                (Some(kind), json) => scalar::write(out, number, kind, json),
                (None, Json::Object(map)) => out.bytes(number, &message(schema, definition, map)),
                (None, _) => {}
            }
        }
        (Type::List(list), Json::Array(items)) => {
            for item in items {
                write(schema, &list.items, number, item, false, out);
            }
        }
        (Type::Map(mapping), Json::Object(map)) => {
            for (key, item) in map {
                let mut pair = Writer::default();
                pair.bytes(1, key.as_bytes());
                if wrapped {
                    let mut list = Writer::default();
                    write(schema, &mapping.values, 1, item, false, &mut list);
                    pair.bytes(2, &list.into_bytes());
                } else {
                    write(schema, &mapping.values, 2, item, false, &mut pair);
                }
                out.bytes(number, &pair.into_bytes());
            }
        }
        _ => {}
    }
}
