//! How `kubectl get` shows objects.

use std::fmt;

use jiff::Timestamp;

use super::Word;
use crate::Json;
use crate::object::Object;

/// How `kubectl get` shows objects of a kind.
pub trait TableRows: fmt::Debug + Send + Sync + 'static {
    /// The columns.
    fn columns(&self) -> Vec<Column>;

    /// The cells of one object, one per column; ages are relative to `now`.
    fn cells(&self, object: &Object, now: Timestamp) -> Vec<Json>;
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The heading.
    pub name: Word,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub r#type: Word,
    /// `name` for the column that names the object; else mostly empty.
    pub format: Word,
    /// The words that explain the column.
    pub description: Word,
    /// 0 is always shown; above 0 only with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// A column that is always shown.
    pub fn new(name: impl Into<Word>, r#type: impl Into<Word>) -> Self {
        let (format, description) = (Word::default(), Word::default());
        Self { name: name.into(), r#type: r#type.into(), format, description, priority: 0 }
    }
}

/// Name and age: the table of kinds that have no other.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameAndAge;

impl TableRows for NameAndAge {
    fn columns(&self) -> Vec<Column> {
        let name = Column { format: "name".into(), ..Column::new("Name", "string") };
        vec![name, Column::new("Created At", "date")]
    }

    fn cells(&self, object: &Object, _now: Timestamp) -> Vec<Json> {
        vec![object.name().into(), object.creation_timestamp().into()]
    }
}
