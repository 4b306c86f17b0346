//! What the schema knows of a place in an object, as far as ownership goes.

use crate::Json;
use crate::schema::{Definition, Field, List, MapKind, Schema, Type};

/// A place in an object.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    pub(super) schema: &'s Schema,
    pub(super) shape: Shape<'s>,
}

/// How ownership is counted at a place.
#[derive(Clone, Copy)]
pub(super) enum Shape<'s> {
    /// A single value.
    Scalar(&'s Type),
    /// A list, map or struct that is owned as a whole.
    Atomic(&'s Type),
    /// A struct whose fields are owned one by one.
    Struct(&'s Definition),
    /// A map whose keys are owned one by one.
    Map(&'s Type),
    /// A list whose items are owned one by one.
    List(&'s List),
    /// Nothing is known: maps are owned key by key, lists as a whole.
    Free,
}

impl<'s> Place<'s> {
    /// The whole of an object of the kind `definition`.
    pub(super) fn root(schema: &'s Schema, definition: &'s Definition) -> Self {
        Self { schema, shape: Shape::Struct(definition) }
    }

    /// The place of a value of type `ty`.
    pub(super) fn of(self, ty: &'s Type) -> Self {
        let shape = match ty {
            Type::Scalar(scalar) if scalar.is_free() => Shape::Free,
            Type::Scalar(_) => Shape::Scalar(ty),
            Type::List(list) if list.kind.is_atomic() => Shape::Atomic(ty),
            Type::List(list) => Shape::List(list),
            Type::Map(map) if map.kind == MapKind::Atomic => Shape::Atomic(ty),
            Type::Map(map) => Shape::Map(&map.values),
            Type::Ref(id, kind) => {
                let definition = self.schema.get(*id);
                match definition.alias {
                    Some(scalar) if scalar.is_free() => Shape::Free,
                    Some(_) => Shape::Scalar(ty),
                    None if kind.or(definition.map) == MapKind::Atomic => Shape::Atomic(ty),
                    None => Shape::Struct(definition),
                }
            }
        };
        Self { shape, ..self }
    }

    /// The place of the field or map key `name`, and its declaration if it is a declared field.
    pub(super) fn child(self, name: &str) -> (Self, Option<&'s Field>) {
        match self.shape {
            Shape::Struct(definition) => match definition.field(name) {
                Some(field) => (self.of(&field.ty), Some(field)),
                None => (self.free(), None),
            },
            Shape::Map(values) => (self.of(values), None),
            _ => (self.free(), None),
        }
    }

    /// The place of the items of `list`.
    pub(super) fn items(self, list: &'s List) -> Self {
        self.of(&list.items)
    }

    /// The place of an element in text form, and its declaration if it is a declared field.
    pub(super) fn element(self, element: &str) -> (Self, Option<&'s Field>) {
        match (element.strip_prefix("f:"), self.shape) {
            (Some(name), _) => self.child(name),
            (None, Shape::List(list)) => (self.items(list), None),
            (None, _) => (self.free(), None),
        }
    }

    pub(super) fn definition(self) -> Option<&'s Definition> {
        match self.shape {
            Shape::Struct(definition) => Some(definition),
            Shape::Atomic(Type::Ref(id, _)) => Some(self.schema.get(*id)),
            _ => None,
        }
    }

    fn free(self) -> Self {
        Self { shape: Shape::Free, ..self }
    }

    /// How `value` is walked here: where it does not fit the schema, it is owned as a whole.
    pub(super) fn view<'v>(self, value: Option<&'v Json>) -> View<'v, 's> {
        match (self.shape, value) {
            (Shape::Struct(_) | Shape::Map(_) | Shape::Free, Some(Json::Object(map))) => {
                View::Map(map)
            }
            (Shape::List(list), Some(Json::Array(items))) => View::List(list, items),
            (Shape::Struct(_) | Shape::Map(_) | Shape::List(_) | Shape::Free, None) => View::Empty,
            (Shape::Struct(_) | Shape::Map(_) | Shape::List(_), Some(Json::Null)) => View::Empty,
            _ => View::Leaf,
        }
    }
}

/// A value as ownership sees it.
pub(super) enum View<'v, 's> {
    /// Its keys are owned one by one.
    Map(&'v crate::object::Map),
    /// Its items are owned one by one.
    List(&'s List, &'v [Json]),
    /// Nothing, or null in the place of a map or list.
    Empty,
    /// It is owned as a whole.
    Leaf,
}
