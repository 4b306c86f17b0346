//! Lists, maps and objects that are written out, and conditions.

use std::sync::Arc;

use super::Checker;
use super::call::sized_list;
use crate::syntax::Expr;
use crate::syntax::ast::{Element, Entry, Struct};
use crate::types::{MapType, Max, Record, Type, agree, join};

impl Checker<'_> {
    pub(super) fn conditional(&mut self, parts: &mut [Expr; 3], at: u32) -> Type {
        let [condition, then, other] = parts;
        let condition = self.visit(condition);
        let then = self.visit(then);
        let other = self.visit(other);
        if matches!(condition, Type::Bool | Type::Dyn) && agree(&then, &other) {
            return join(&then, &other);
        }
        let message = format!(
            "found no matching overload for '_?_:_' applied to '({condition}, {then}, {other})'"
        );
        self.report(at, message)
    }

    pub(super) fn list(&mut self, items: &mut [Element]) -> Type {
        let mut item_type = None;
        for item in items.iter_mut() {
            let ty = self.visit(&mut item.value);
            let ty = self.content(ty, item.optional, item.value.at);
            item_type = Some(self.merged(item_type, ty, item.value.at));
        }
        sized_list(item_type.unwrap_or(Type::Dyn), Max(items.len() as u64))
    }

    pub(super) fn map(&mut self, entries: &mut [Entry]) -> Type {
        let (mut key_type, mut value_type) = (None, None);
        for entry in entries.iter_mut() {
            let key = self.visit(&mut entry.key);
            key_type = Some(self.merged(key_type, key, entry.key.at));
            let value = self.visit(&mut entry.value);
            let value = self.content(value, entry.optional, entry.value.at);
            value_type = Some(self.merged(value_type, value, entry.value.at));
        }
        Type::Map(Arc::new(MapType {
            key: key_type.unwrap_or(Type::Dyn),
            value: value_type.unwrap_or(Type::Dyn),
            max: Max(entries.len() as u64),
        }))
    }

    /// The type of an item that follows others of type `before`.
    fn merged(&mut self, before: Option<Type>, ty: Type, at: u32) -> Type {
        match before {
            None => ty,
            Some(before) if agree(&before, &ty) => join(&before, &ty),
            Some(before) => self.report(at, format!("expected type '{before}' but found '{ty}'")),
        }
    }

    /// The type of what is in an optional, where one is said to be.
    fn content(&mut self, ty: Type, optional: bool, at: u32) -> Type {
        match ty {
            ty if !optional => ty,
            Type::Optional(content) => (*content).clone(),
            Type::Dyn => Type::Dyn,
            other => {
                let message = format!("expected type 'optional_type({other})' but found '{other}'");
                self.report(at, message)
            }
        }
    }

    /// The type of this name; below an open one, every name is that of an open one.
    fn structure_type(&self, name: &str) -> Option<Type> {
        if let Some(ty) = self.structs.get(name) {
            return Some(ty.clone());
        }
        let (root, _) = name.split_once('.')?;
        match self.structs.get(root) {
            Some(Type::Object(record)) if record.is_open() => {
                Some(Type::Object(Record::open(name)))
            }
            _ => None,
        }
    }

    pub(super) fn structure(&mut self, made: &mut Struct, at: u32) -> Type {
        let ty = self.structure_type(&made.name);
        for field in &mut made.fields {
            let given = self.visit(&mut field.value);
            let given = self.content(given, field.optional, field.value.at);
            let Some(Type::Object(record)) = &ty else { continue };
            match record.field(&field.name) {
                Some(wanted) if !agree(&wanted.ty, &given) => {
                    let message = format!(
                        "expected type of field '{}' is '{}' but provided type is '{given}'",
                        field.name, wanted.ty
                    );
                    self.report(field.at, message);
                }
                None if !record.is_open() => {
                    self.report(field.at, format!("undefined field '{}'", field.name));
                }
                _ => {}
            }
        }
        match ty {
            Some(ty) => ty,
            None => self.undeclared(at, &made.name),
        }
    }
}
