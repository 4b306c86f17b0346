//! Paths into objects in the dialect of `kubectl`, as printer columns and selectable fields have
//! them: `.spec.ports[0].name`, `.metadata.labels['a\.b']`,
//! `.status.conditions[?(@.type=="Ready")].status`.
//!
//! A path is read once and finds the values below an object; what is missing is not found.

mod find;
mod parse;
#[cfg(test)]
mod tests;

use orchestrator_core::Json;

pub use parse::PathError;

/// A path, read.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A field.
    Field(String),
    /// Several fields.
    Fields(Vec<String>),
    /// All fields or items.
    All,
    /// The items from one place on to another, each so many further.
    Slice { from: Option<i64>, to: Option<i64>, step: i64 },
    /// The item at a place; negative ones count from the end.
    Index(i64),
    /// The items for which a comparison holds.
    Filter(Filter),
    /// Everything below, at any depth.
    Below,
}

/// A comparison of two values of an item.
#[derive(Clone, Debug, PartialEq)]
struct Filter {
    left: Operand,
    relation: Relation,
    right: Operand,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Path(JsonPath),
    Value(Json),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Exists,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
