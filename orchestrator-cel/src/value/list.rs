//! Lists.

use std::rc::Rc;

use orchestrator_core::Json;

use super::{Value, tree};
use crate::EvalError;
use crate::types::{ListKind, ListType};

/// A list: of a tree, or made by the expression.
#[derive(Clone, Debug)]
pub enum List<'a> {
    /// Of a tree, with the type of the list where it is known.
    Tree(&'a [Json], Option<&'a ListType>),
    /// Made.
    Made(Rc<Vec<Value<'a>>>),
}

impl<'a> List<'a> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Tree(items, _) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`.
    pub fn get(&self, index: usize) -> Option<Result<Value<'a>, EvalError>> {
        match self {
            Self::Tree(items, ty) => {
                let item = items.get(index)?;
                Some(match ty {
                    Some(ty) => tree::lift(item, &ty.item),
                    None => Ok(tree::untyped(item)),
                })
            }
            Self::Made(items) => items.get(index).cloned().map(Ok),
        }
    }

    /// All items.
    pub fn iter(&self) -> impl Iterator<Item = Result<Value<'a>, EvalError>> + '_ {
        (0..self.len()).map_while(|i| self.get(i))
    }

    /// All items.
    pub(crate) fn values(&self) -> Result<Vec<Value<'a>>, EvalError> {
        self.iter().collect()
    }

    /// How it compares.
    pub(crate) fn kind(&self) -> &'a ListKind {
        match self {
            Self::Tree(_, Some(ty)) => &ty.kind,
            _ => &ListKind::Atomic,
        }
    }
}
