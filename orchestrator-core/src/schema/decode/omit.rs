//! What is left out of a decoded struct, and what stands for null where something must stand.

use crate::Json;
use crate::object::{Map, is_empty};
use crate::schema::{Definition, Field, Flavour, Scalar, Type};

/// Whether Go would not write `value` again: null or empty in a field that may be absent.
pub(super) fn omits(definition: &Definition, field: &Field, value: &Json) -> bool {
    if definition.flavour == Flavour::Structural {
        return false;
    }
    match value {
        // Go writes null for a list or a time that it does not leave out.
        Json::Null => !(field.implied && zero_of(field).is_null()),
        // An empty list of managers has a meaning: it stops the tracking.
        Json::Array(items) => items.is_empty() && !field.implied && field.name != "managedFields",
        Json::Object(map) => map.is_empty() && !field.implied && matches!(field.ty, Type::Map(_)),
        Json::String(_) => field.omits_zero && is_empty(value),
        Json::Bool(set) => field.omits_zero && !set,
        Json::Number(number) => field.omits_zero && number.as_i64() == Some(0),
    }
}

/// The value of an implied field that nobody has set.
fn zero_of(field: &Field) -> Json {
    match field.ty {
        Type::Ref(..) => Json::Object(Map::new()),
        Type::List(_) | Type::Map(_) => Json::Null,
        Type::Scalar(_) => field.default.as_deref().cloned().unwrap_or_default(),
    }
}

/// What Go makes of null as an item or as a value of a map.
pub(super) fn zero(ty: &Type) -> Json {
    match ty {
        Type::Ref(..) => Json::Object(Map::new()),
        Type::Scalar(Scalar::String | Scalar::Bytes) => Json::String(String::new()),
        Type::Scalar(Scalar::Quantity) => Json::String("0".into()),
        Type::Scalar(Scalar::Int | Scalar::Int64 | Scalar::Number | Scalar::IntOrString) => {
            0.into()
        }
        Type::Scalar(Scalar::Bool) => false.into(),
        Type::Scalar(_) | Type::List(_) | Type::Map(_) => Json::Null,
    }
}

/// Merges the later of two values of one field into the earlier, as Go decodes into the same
/// memory twice: maps and structs merge, all else is replaced.
pub(super) fn merge(earlier: &mut Json, later: Json) {
    match (earlier, later) {
        (Json::Object(earlier), Json::Object(later)) => {
            for (key, value) in later {
                match earlier.get_mut(&key) {
                    Some(known) => merge(known, value),
                    None => {
                        earlier.insert(key, value);
                    }
                }
            }
        }
        (earlier, later) => *earlier = later,
    }
}
