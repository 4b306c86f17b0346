//! Strategic merge patch: a merge patch whose lists merge item by item.
//!
//! The schema names, for each list, whether it merges and by which key. Directives in the patch
//! change the rule for one place: `$patch` (`replace`, `delete`), `$retainKeys`,
//! `$deleteFromPrimitiveList/field`, `$setElementOrder/field`. `map` merges maps and reads the
//! directives on them, `list` merges lists, `order` puts merged items in order.

mod list;
mod map;
mod order;

use super::PatchError;
use crate::object::Map;
use crate::schema::{Definition, PatchRule, Schema, Type};

pub use super::merge::parse;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_ITEMS: &str = "$deleteFromPrimitiveList/";

/// Lays `patch` over `original`, an object of the kind `definition`.
///
/// # Errors
/// A directive is malformed, or a list cannot be merged.
pub fn apply(
    schema: &Schema,
    definition: &Definition,
    original: Map,
    patch: Map,
) -> Result<Map, PatchError> {
    let place = Place { schema, shape: Shape::Struct(definition) };
    map::merge(original, patch, place)
}

/// What the schema knows of a map in the object.
#[derive(Clone, Copy)]
struct Place<'s> {
    schema: &'s Schema,
    shape: Shape<'s>,
}

#[derive(Clone, Copy)]
enum Shape<'s> {
    Struct(&'s Definition),
    /// A map with values of one type.
    Map(&'s Type),
    /// Nothing.
    Unknown,
}

/// How a field merges; nothing is declared for fields that the schema does not have.
static PLAIN: PatchRule =
    PatchRule { merge: false, retain_keys: false, replace: false, merge_key: None };

impl<'s> Place<'s> {
    /// The place of the map at `key`, or of the items of the list there, and how it merges.
    fn below(self, key: &str) -> (Self, &'s PatchRule) {
        let (ty, rule) = match self.shape {
            Shape::Struct(definition) => match definition.field(key) {
                Some(field) => (Some(&field.ty), &field.patch),
                None => (None, &PLAIN),
            },
            Shape::Map(values) => (Some(values), &PLAIN),
            Shape::Unknown => (None, &PLAIN),
        };
        let shape = match ty {
            Some(Type::List(list)) => self.shape_of(&list.items),
            Some(ty) => self.shape_of(ty),
            None => Shape::Unknown,
        };
        (Self { shape, ..self }, rule)
    }

    fn shape_of(self, ty: &'s Type) -> Shape<'s> {
        match ty {
            Type::Ref(id, _) => Shape::Struct(self.schema.get(*id)),
            Type::Map(map) => Shape::Map(&map.values),
            Type::List(_) | Type::Scalar(_) => Shape::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
