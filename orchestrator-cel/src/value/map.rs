//! Maps.

use std::collections::BTreeMap;
use std::rc::Rc;

use orchestrator_core::Json;

use super::{Key, Text, Value, tree};
use crate::EvalError;
use crate::types::{Record, Type};

type Tree = orchestrator_core::object::Map;

/// A map: of a tree, or made by the expression.
#[derive(Clone, Debug)]
pub enum Map<'a> {
    /// Of a tree.
    Tree(&'a Tree, Shape<'a>),
    /// Made.
    Made(Rc<BTreeMap<Key<'a>, Value<'a>>>),
}

/// What is known about a map of a tree.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'a> {
    /// Nothing.
    Any,
    /// The type of all values.
    Values(&'a Type),
    /// The fields.
    Fields(&'a Record),
}

impl<'a> Map<'a> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Tree(map, _) => map.len(),
            Self::Made(map) => map.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at a name.
    pub fn field(&self, name: &str) -> Option<Result<Value<'a>, EvalError>> {
        match self {
            Self::Tree(map, Shape::Fields(record)) => {
                let field = record.field(name)?;
                map.get(&field.json).map(|json| tree::lift(json, &field.ty))
            }
            Self::Tree(map, shape) => map.get(name).map(|json| read(json, name, *shape)),
            Self::Made(map) => {
                let key = Key::String(Text::Shared(name.into()));
                map.get(&key).cloned().map(Ok)
            }
        }
    }

    /// The value at a key.
    pub fn get(&self, key: &Key<'a>) -> Option<Result<Value<'a>, EvalError>> {
        match (self, key) {
            (Self::Made(map), key) => map.get(key).cloned().map(Ok),
            (Self::Tree(..), Key::String(name)) => self.field(name),
            (Self::Tree(..), _) => None,
        }
    }

    /// The keys, in their order.
    pub fn keys(&self) -> Vec<Key<'a>> {
        match self {
            Self::Tree(map, _) => {
                map.iter().map(|(key, _)| Key::String(Text::Borrowed(key.as_str()))).collect()
            }
            Self::Made(map) => map.keys().cloned().collect(),
        }
    }

    /// The value at a key as [`keys`](Self::keys) tells it: its name in the tree.
    pub(crate) fn at(&self, key: &Key<'a>) -> Option<Result<Value<'a>, EvalError>> {
        match (self, key) {
            (Self::Tree(map, shape), Key::String(name)) => {
                map.get(name).map(|json| read(json, name, *shape))
            }
            _ => self.get(key),
        }
    }
}

fn read<'a>(json: &'a Json, name: &str, shape: Shape<'a>) -> Result<Value<'a>, EvalError> {
    match shape {
        Shape::Any => Ok(tree::untyped(json)),
        Shape::Values(ty) => tree::lift(json, ty),
        Shape::Fields(record) => match record.by_json(name) {
            Some(field) => tree::lift(json, &field.ty),
            None => Ok(tree::untyped(json)),
        },
    }
}
