//! Messages as JSON trees.
//!
//! Go writes a field that is no pointer even when it says nothing, and a pointer only when it is
//! set, so a zero means something different for each; the schema tells the two apart.

use orchestrator_core::Json;
use orchestrator_core::object::Map;
use orchestrator_core::schema::{Definition, Field, List, Mapping, Scalar, Schema, Type};

use super::table::{self, Message, Node};
use super::wire::{Reader, Value};
use super::{ProtobufError, scalar};

/// How deep messages may nest; the deepest kind has about twenty levels.
const MAX_DEPTH: usize = 64;

/// Reads the message of a definition.
pub(super) fn message(
    schema: &Schema,
    definition: &Definition,
    bytes: &[u8],
) -> Result<Map, ProtobufError> {
    Cx { schema, depth: 0 }.message(definition, bytes)
}

#[derive(Clone, Copy)]
struct Cx<'a> {
    schema: &'a Schema,
    depth: usize,
}

impl Cx<'_> {
    fn message(self, definition: &Definition, bytes: &[u8]) -> Result<Map, ProtobufError> {
        if self.depth > MAX_DEPTH {
            return Err(ProtobufError("messages nest too deeply"));
        }
        let numbers = table::message(&definition.name)
            .ok_or(ProtobufError("a message is of a type that has no such form"))?;
        let mut map = Map::new();
        self.fields(definition, numbers, bytes, &mut map)?;
        Ok(map)
    }

    fn fields(
        self,
        definition: &Definition,
        numbers: &Message,
        bytes: &[u8],
        map: &mut Map,
    ) -> Result<(), ProtobufError> {
        for entry in Reader::new(bytes) {
            let (number, value) = entry?;
            match (numbers.get(&number), value) {
                // A newer client knows more fields; they are dropped, as unknown ones are.
                (None, _) => {}
                (Some(Node::Inline(inner)), Value::Bytes(bytes)) => {
                    self.fields(definition, inner, bytes, map)?;
                }
                (Some(Node::Inline(_)), _) => {
                    return Err(ProtobufError("a field has the wrong type"));
                }
                (Some(Node::Field { name, wrapped }), value) => {
                    let Some(field) = definition.field(name) else { continue };
                    self.field(field, *wrapped, value, map)?;
                }
            }
        }
        Ok(())
    }

    fn field(
        self,
        field: &Field,
        wrapped: bool,
        value: Value<'_>,
        map: &mut Map,
    ) -> Result<(), ProtobufError> {
        let name = field.name.as_ref();
        match &field.ty {
            Type::List(list) => {
                let item = self.value(&list.items, value)?;
                let items = map.entry(name).or_insert_with(|| Json::Array(Vec::new()));
                if let Json::Array(items) = items {
                    items.push(item);
                }
            }
            Type::Map(mapping) => {
                let (key, item) = self.pair(mapping, wrapped, value)?;
                let entries = map.entry(name).or_insert_with(super::empty);
                if let Json::Object(entries) = entries {
                    entries.insert(key.into(), item);
                }
            }
            single => {
                let json = self.value(single, value)?;
                if !says_nothing(field, &json) {
                    map.insert(name.into(), json);
                }
            }
        }
        Ok(())
    }

    fn value(self, ty: &Type, value: Value<'_>) -> Result<Json, ProtobufError> {
        match (ty, value) {
            (Type::Scalar(kind), value) => scalar::read(*kind, value),
            (Type::Ref(id, _), value) => {
                let definition = self.schema.get(*id);
                match (definition.alias, value) {
                    (Some(kind), value) => scalar::read(kind, value),
                    (None, Value::Bytes(bytes)) => {
                        let deeper = Self { depth: self.depth + 1, ..self };
                        deeper.message(definition, bytes).map(Json::Object)
                    }
                    (None, _) => Err(ProtobufError("a field has the wrong type")),
                }
            }
            _ => Err(ProtobufError("a list or map stands where none can be")),
        }
    }

    fn pair(
        self,
        mapping: &Mapping,
        wrapped: bool,
        value: Value<'_>,
    ) -> Result<(String, Json), ProtobufError> {
        let Value::Bytes(bytes) = value else {
            return Err(ProtobufError("a map has an entry that is no message"));
        };
        let (mut key, mut item) = (Json::from(""), None);
        for entry in Reader::new(bytes) {
            match entry? {
                (1, value) => key = scalar::read(Scalar::String, value)?,
                (2, value) => {
                    item = Some(match (&mapping.values, wrapped) {
                        (Type::List(list), true) => self.list(list, value)?,
                        (values, _) => self.value(values, value)?,
                    });
                }
                _ => {}
            }
        }
        let item = match (item, &mapping.values) {
            (Some(item), _) => item,
            (None, Type::List(_)) => Json::Array(Vec::new()),
            (None, Type::Ref(..)) => super::empty(),
            (None, Type::Scalar(Scalar::String | Scalar::Bytes)) => "".into(),
            (None, _) => Json::Null,
        };
        Ok((key.as_str().unwrap_or_default().into(), item))
    }

    /// A list that is wrapped in a message of its own.
    fn list(self, list: &List, value: Value<'_>) -> Result<Json, ProtobufError> {
        let Value::Bytes(bytes) = value else {
            return Err(ProtobufError("a list is no message"));
        };
        let mut items = Vec::new();
        for entry in Reader::new(bytes) {
            if let (1, value) = entry? {
                items.push(self.value(&list.items, value)?);
            }
        }
        Ok(items.into())
    }
}

/// Whether Go would leave the value out of JSON.
fn says_nothing(field: &Field, json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::String(text) => field.omits_zero && text.is_empty(),
        Json::Number(number) => field.omits_zero && number.as_i64() == Some(0),
        Json::Bool(flag) => field.omits_zero && !flag,
        _ => false,
    }
}
