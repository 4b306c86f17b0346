//! Writing out what a Go object always has.

use super::omit;
use crate::Json;
use crate::object::Map;
use crate::schema::{Definition, Schema, Type};

/// Adds to `object` every field that Go writes even when it is empty: structs (`status: {}`),
/// single values (`restartCount: 0`), lists and times (`rules: null`).
///
/// A decoded object is complete once defaulting is done and this has been called. Fields that
/// are there already are not changed.
pub fn fill(schema: &Schema, definition: &Definition, object: &mut Map) {
    for field in definition.fields.iter().filter(|field| field.implied) {
        if !object.contains_key(&*field.name) {
            object.insert(field.name.to_string(), omit::zero_of(field));
        }
    }
    for (name, value) in object.iter_mut() {
        if let (Json::Object(_) | Json::Array(_), Some(field)) = (&*value, definition.field(name)) {
            fill_value(schema, &field.ty, value);
        }
    }
}

fn fill_value(schema: &Schema, ty: &Type, value: &mut Json) {
    match (ty, value) {
        (Type::Ref(id, _), Json::Object(map)) => fill(schema, schema.get(*id), map),
        (Type::List(list), Json::Array(items)) if !matches!(list.items, Type::Scalar(_)) => {
            items.iter_mut().for_each(|item| fill_value(schema, &list.items, item));
        }
        (Type::Map(map), Json::Object(values)) if !matches!(map.values, Type::Scalar(_)) => {
            values.values_mut().for_each(|value| fill_value(schema, &map.values, value));
        }
        _ => {}
    }
}
