//! Lists, maps and objects that an expression makes, and what is at an index.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Evaluated, Run};
use crate::EvalError;
use crate::syntax::ast::{Element, Entry, Struct as Made};
use crate::value::{Key, Map, Struct, Value};

/// What upstream takes for making one.
const LIST_COST: u64 = 10;
const MAP_COST: u64 = 30;
const STRUCT_COST: u64 = 40;

impl<'a> Run<'_, 'a> {
    pub(super) fn make_list(&mut self, items: &'a [Element]) -> Evaluated<'a> {
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let value = self.eval(&item.value)?;
            if let Some(value) = content(value, item.optional)? {
                list.push(value);
            }
        }
        self.spend(LIST_COST)?;
        Ok(Value::list(list))
    }

    pub(super) fn make_map(&mut self, entries: &'a [Entry]) -> Evaluated<'a> {
        let mut map = BTreeMap::new();
        for entry in entries {
            let key = self.eval(&entry.key)?;
            let key = Key::of(&key).ok_or_else(|| EvalError::undefined("unsupported key type"))?;
            let value = self.eval(&entry.value)?;
            if let Some(value) = content(value, entry.optional)? {
                insert(&mut map, key, value)?;
            }
        }
        self.spend(MAP_COST)?;
        Ok(Value::Map(Map::Made(Rc::new(map))))
    }

    pub(super) fn make_struct(&mut self, made: &'a Made) -> Evaluated<'a> {
        let mut fields = Vec::with_capacity(made.fields.len());
        for field in &made.fields {
            let value = self.eval(&field.value)?;
            if let Some(value) = content(value, field.optional)? {
                fields.push((&*field.name, value));
            }
        }
        fields.sort_by_key(|(name, _)| *name);
        self.spend(STRUCT_COST)?;
        Ok(Value::Struct(Rc::new(Struct { name: &made.name, fields })))
    }
}

/// Adds an entry, whose key must be new.
pub(super) fn insert<'a>(
    map: &mut BTreeMap<Key<'a>, Value<'a>>,
    key: Key<'a>,
    value: Value<'a>,
) -> Result<(), EvalError> {
    if map.contains_key(&key) {
        return Err(EvalError::Undefined(format!("insert failed: key {key} already exists")));
    }
    map.insert(key, value);
    Ok(())
}

/// A value, or what is in it where it is said to be optional.
fn content(value: Value<'_>, optional: bool) -> Result<Option<Value<'_>>, EvalError> {
    match value {
        value if !optional => Ok(Some(value)),
        Value::Optional(content) => Ok(content.map(|content| (*content).clone())),
        _ => Err(EvalError::overload()),
    }
}

/// What is at an index or a key; `None` where nothing is.
pub(super) fn index<'a>(
    operand: &Value<'a>,
    index: &Value<'a>,
) -> Result<Option<Value<'a>>, EvalError> {
    match operand {
        Value::List(list) => {
            let at = match Key::of(index) {
                Some(Key::Int(at)) => at,
                _ => return Err(EvalError::overload()),
            };
            match usize::try_from(at) {
                Ok(at) => list.get(at).transpose(),
                Err(_) => Ok(None),
            }
        }
        Value::Map(map) => {
            let key =
                Key::of(index).ok_or_else(|| EvalError::undefined("unsupported index type"))?;
            map.get(&key).transpose()
        }
        _ => Err(EvalError::overload()),
    }
}
